/** The way to the API server: who we are and over which connection is settled behind it. */
export interface Transport {
  /**
   * Sends one GET. `target` is path and query. Resolves once the head of a response is there, whatever its status; rejects,
   * with a message fit for the log, when there is none. Aborting `signal` ends the request and its body. `waitedMs`: how long
   * the request was held back before.
   */
  get(
    target: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
    waitedMs: number,
  ): Promise<Response>;
  /** The API server refused the credentials: the next request reads them afresh. */
  renew(): void;
}

export interface Response {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Decompressed. Iterating throws when the connection breaks before the body's end. */
  readonly body: AsyncIterable<Uint8Array>;
}
