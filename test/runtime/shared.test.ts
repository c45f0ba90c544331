import t from 'tap';
import { Shared, type Lease, type Resource } from '../../src/runtime/shared.ts';
import { settled } from '../support/clock.ts';

/** Resources that write down what happens to them; a test decides when an opening or a closing ends. */
class Harbour {
  readonly journal: string[] = [];
  readonly shared = new Shared<string>();
  #opened = 0;

  acquire(key: string, until?: Promise<unknown>, closed?: Promise<unknown>): Promise<Lease<string>> {
    return this.shared.acquire(key, async () => {
      const name = `${key}${++this.#opened}`;
      this.journal.push(`opening ${name}`);
      await until;
      this.journal.push(`open ${name}`);
      return { value: name, close: () => this.#close(name, closed) };
    });
  }

  async #close(name: string, closed?: Promise<unknown>): Promise<void> {
    this.journal.push(`closing ${name}`);
    await closed;
    this.journal.push(`closed ${name}`);
  }
}

t.test('a reload: the new configuration acquires before the old one releases', async (t) => {
  const harbour = new Harbour();
  const old = [await harbour.acquire(':53'), await harbour.acquire(':8080')];
  const reloaded = await harbour.acquire(':53');
  t.equal(reloaded.value, old[0]?.value);
  for (const lease of old) await lease.release();
  t.same(harbour.journal.slice(4), ['closing :80802', 'closed :80802']);
  await old[0]?.release();
  await reloaded.release();
  await reloaded.release();
  t.same(harbour.journal.slice(6), ['closing :531', 'closed :531'], 'released twice counts once');
  t.equal((await harbour.acquire(':53')).value, ':533', 'opened anew');
});

t.test('who comes during opening shares it', async (t) => {
  const harbour = new Harbour();
  const gate = Promise.withResolvers<void>();
  const both = [harbour.acquire('a', gate.promise), harbour.acquire('a')];
  await settled();
  t.same(harbour.journal, ['opening a1']);
  gate.resolve();
  const [first, second] = await Promise.all(both);
  t.equal(first?.value, second?.value);
  await first?.release();
  t.same(harbour.journal, ['opening a1', 'open a1']);
  await second?.release();
  t.same(harbour.journal, ['opening a1', 'open a1', 'closing a1', 'closed a1']);
});

t.test('who comes during closing waits for its end', async (t) => {
  const harbour = new Harbour();
  const gate = Promise.withResolvers<void>();
  const first = await harbour.acquire('a', undefined, gate.promise);
  const released = first.release();
  const again = harbour.acquire('a');
  const other = harbour.acquire('b');
  await other;
  await settled();
  t.same(harbour.journal, ['opening a1', 'open a1', 'closing a1', 'opening b2', 'open b2'], 'other keys do not wait');
  gate.resolve();
  await released;
  t.equal((await again).value, 'a3');
  t.same(harbour.journal.slice(5), ['closed a1', 'opening a3', 'open a3']);
});

t.test('a failed opening is told to all who wait, and then tried anew', async (t) => {
  const harbour = new Harbour();
  const gate = Promise.withResolvers<void>();
  const both = [harbour.acquire('a', gate.promise), harbour.acquire('a')];
  gate.reject(new Error('address already in use'));
  for (const one of both) await t.rejects(one, { message: 'address already in use' });
  t.equal((await harbour.acquire('a')).value, 'a2');

  const shared = new Shared<number>();
  const fail = (): Resource<number> => {
    throw new Error('at once');
  };
  await t.rejects(shared.acquire('a', fail), { message: 'at once' });
  t.equal((await shared.acquire('a', () => ({ value: 1, close: () => undefined }))).value, 1);
});

t.test('a failed closing is told to who released, and does not hold up the next opening', async (t) => {
  const shared = new Shared<number>();
  const close = (): void => {
    throw new Error('stuck');
  };
  const lease = await shared.acquire('a', () => ({ value: 1, close }));
  const released = lease.release();
  const again = shared.acquire('a', () => ({ value: 2, close: () => undefined }));
  await t.rejects(released, { message: 'stuck' });
  t.equal((await again).value, 2);
});
