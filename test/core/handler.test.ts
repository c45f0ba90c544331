import t from 'tap';
import { type Answer, emptyAnswer } from '../../src/core/answer.ts';
import { fold, type Handler, mapOutcome, QueryError, settle, type Wrap } from '../../src/core/handler.ts';
import { Query } from '../../src/core/query.ts';
import { RCODE } from '../../src/dns/codes.ts';

const query = new Query();
const answer = emptyAnswer(RCODE.NOERROR, 'kubernetes');
const other = emptyAnswer(RCODE.NXDOMAIN, 'rewrite');
const failure = new QueryError(RCODE.SERVFAIL, 'no upstream', { cause: 'ECONNREFUSED' });

function failing(): Answer {
  throw failure;
}

function uncalled(): Answer {
  throw new Error('called for nothing');
}

t.test('an answer passes the chain without a promise, in the order of the wraps', async (t) => {
  const steps: string[] = [];
  const named =
    (name: string): Wrap =>
    (next) =>
    (query) => {
      steps.push(`${name} asks`);
      return mapOutcome(next(query), (answer) => {
        steps.push(`${name} has ${answer.source}`);
        return answer;
      });
    };
  const last: Handler = (asked) => {
    t.equal(asked, query);
    steps.push('answer');
    return answer;
  };
  const chain = fold([named('log'), named('cache')], last);
  t.equal(chain(query), answer, 'the very answer, at once');
  t.same(steps, ['log asks', 'cache asks', 'answer', 'cache has kubernetes', 'log has kubernetes']);
  t.equal(fold([], last)(query), answer);

  const waiting = fold([named('log')], async () => other)(query);
  t.ok(waiting instanceof Promise);
  t.equal(await waiting, other);
});

t.test('mapOutcome: at once what is there, later what is promised; errors pass by', async (t) => {
  t.equal(
    mapOutcome(answer, () => other),
    other,
  );
  t.equal(await mapOutcome(Promise.resolve(answer), () => other), other);
  const later = mapOutcome(answer, async () => other);
  t.ok(later instanceof Promise, 'a function that waits makes all wait');
  t.equal(await later, other);
  t.throws(() => mapOutcome(answer, failing), failure);
  await t.rejects(Promise.resolve(mapOutcome(Promise.resolve(answer), failing)), failure);
  await t.rejects(Promise.resolve(mapOutcome(Promise.reject(failure), uncalled)), failure);
});

t.test('settle: exactly one of two functions hears what came, and hears it as soon as it came', async (t) => {
  const table: readonly (readonly [title: string, handler: Handler, heard: string, atOnce: boolean])[] = [
    ['an answer', () => answer, 'answer kubernetes', true],
    ['a throw', failing, 'error no upstream', true],
    ['a promised answer', async () => answer, 'answer kubernetes', false],
    ['a rejection', async () => failing(), 'error no upstream', false],
  ];
  for (const [title, handler, heard, atOnce] of table) {
    const calls: string[] = [];
    const outcome = settle(
      handler,
      query,
      (came) => {
        calls.push(`answer ${came.source}`);
        return other;
      },
      (error) => {
        calls.push(`error ${error instanceof Error ? error.message : 'of another kind'}`);
        return other;
      },
    );
    t.equal(outcome instanceof Promise, !atOnce, title);
    t.equal(await outcome, other, title);
    t.same(calls, [heard], title);
  }
  // What the listener of an answer throws is not the handler's error.
  t.throws(() => settle(() => answer, query, failing, uncalled), failure);
  await t.rejects(Promise.resolve(settle(async () => answer, query, failing, uncalled)), failure);
  t.throws(() => settle(failing, query, uncalled, failing), failure);
});

t.test('a query error tells the client its rcode and the operator its message', async (t) => {
  t.equal(failure.rcode, RCODE.SERVFAIL);
  t.equal(failure.message, 'no upstream');
  t.equal(failure.cause, 'ECONNREFUSED');
  t.equal(failure.name, 'QueryError');
});
