/** So many messages may be on their way: what the other thread finds waiting at once holds it up no longer than these take. */
const window = 2;

/** The sending end of a channel to another thread, which confirms each message once it had time for other things. */
export class Outbox {
  readonly #post: (text: string) => void;
  #unconfirmed = 0;
  #waiting: (() => void)[] = [];

  constructor(post: (text: string) => void) {
    this.#post = post;
  }

  /** Sends at once, as JSON: to copy a text and parse it costs the other thread half of what a structured clone does. */
  send(message: unknown): void {
    this.#unconfirmed++;
    this.#post(JSON.stringify(message));
  }

  /** Resolves when there is room for more; undefined when there is. */
  room(): Promise<void> | undefined {
    if (this.#unconfirmed < window) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  confirmed(): void {
    this.#unconfirmed--;
    if (this.#unconfirmed >= window) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}
