import { ApiError, badRequest, cause, invalid, type Cause } from '../objects/status.ts';
import { fieldSelector, labelSelector, type Matcher } from './selectors.ts';

/** What the query of a LIST or WATCH asks for, checked; what it does not ask is undefined. */
export interface ListOptions {
  readonly watch: boolean;
  readonly resourceVersion: number | undefined;
  readonly match: 'Exact' | 'NotOlderThan' | undefined;
  readonly limit: number | undefined;
  readonly continueToken: string | undefined;
  readonly sendInitialEvents: boolean;
  readonly bookmarks: boolean;
  readonly timeoutSeconds: number | undefined;
  readonly matches: Matcher;
  /** Whether a selector was given: then a page does not tell how many items remain. */
  readonly selective: boolean;
}

/** Throws ApiError 400 or 422; a WATCH from a resource version that is no number is a 500 without reason. */
export function parseListOptions(query: URLSearchParams): ListOptions {
  const watch = isTrue(query.get('watch'));
  checkCombination(query, watch);
  const legacyStart = ['', '0'].includes(query.get('resourceVersion') ?? '');
  const sendInitialEvents = query.get('sendInitialEvents');
  const match = query.get('resourceVersionMatch');
  const labels = labelSelector(query.get('labelSelector') ?? '');
  const fields = fieldSelector(query.get('fieldSelector') ?? '');
  return {
    watch,
    resourceVersion: resourceVersionOf(query.get('resourceVersion') ?? '', watch),
    match: match === 'Exact' || match === 'NotOlderThan' ? match : undefined,
    limit: positive(query.get('limit')),
    continueToken: query.get('continue') || undefined,
    // A watch from no resource version, or from 0, begins with what there is, asked or not.
    sendInitialEvents: watch && (sendInitialEvents === null ? legacyStart : isTrue(sendInitialEvents)),
    bookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeoutSeconds: positive(query.get('timeoutSeconds')),
    matches: (object) => labels(object) && fields(object),
    selective: Boolean(query.get('labelSelector') || query.get('fieldSelector')),
  };
}

/** Booleans as the API server reads them from a query: everything but `false` and `0` is true. */
export function isTrue(value: string | null): boolean {
  return value !== null && value.toLowerCase() !== 'false' && value !== '0';
}

function resourceVersionOf(value: string, watch: boolean): number | undefined {
  if (value === '') return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  const why = `resourceVersion: Invalid value: "${value}": strconv.ParseUint: parsing "${value}": invalid syntax`;
  throw watch ? new ApiError(500, undefined, why) : badRequest(`invalid resource version: ${why}`);
}

/** A count that means nothing when it is 0. */
function positive(value: string | null): number | undefined {
  if (value === null || value === '') return undefined;
  if (!/^-?\d+$/.test(value)) throw badRequest(`strconv.ParseInt: parsing "${value}": invalid syntax`);
  return Number(value) > 0 ? Number(value) : undefined;
}

function checkCombination(query: URLSearchParams, watch: boolean): void {
  const causes = watch ? watchCauses(query) : listCauses(query);
  if (causes.length > 0) throw invalid({ kind: 'ListOptions', group: 'meta.k8s.io' }, '', causes);
}

const MATCH = 'resourceVersionMatch';

function watchCauses(query: URLSearchParams): readonly Cause[] {
  const match = query.get(MATCH) ?? '';
  const legacyStart = ['', '0'].includes(query.get('resourceVersion') ?? '');
  const asksForEvents = query.has('sendInitialEvents');
  const causes: Cause[] = [];
  if (asksForEvents && match !== 'NotOlderThan') {
    causes.push(cause.forbidden(MATCH, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  }
  if (match !== '' && !asksForEvents) {
    causes.push(
      cause.forbidden(MATCH, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
    );
  }
  if (match !== '' && match !== 'NotOlderThan') causes.push(cause.unsupported(MATCH, match, ['NotOlderThan']));
  if (query.get('continue') && (match !== '' || legacyStart)) causes.push(noContinue);
  return causes;
}

function listCauses(query: URLSearchParams): readonly Cause[] {
  const match = query.get(MATCH) ?? '';
  const version = query.get('resourceVersion') ?? '';
  const causes: Cause[] = [];
  const forbid = (why: string): void => void causes.push(cause.forbidden(MATCH, why));
  if (match !== '') {
    if (version === '') forbid('resourceVersionMatch is forbidden unless resourceVersion is provided');
    if (query.get('continue')) causes.push(noContinue);
    const known = match === 'Exact' || match === 'NotOlderThan';
    if (!known) causes.push(cause.unsupported(MATCH, match, ['Exact', 'NotOlderThan', '']));
    if (match === 'Exact' && version === '0') {
      forbid('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
    }
  }
  if (query.has('sendInitialEvents')) {
    causes.push(cause.forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  return causes;
}

const noContinue = cause.forbidden(MATCH, 'resourceVersionMatch is forbidden when continue is provided');
