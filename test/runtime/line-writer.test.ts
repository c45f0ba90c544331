import { Writable } from 'node:stream';
import t from 'tap';
import { BACKLOG_CHARS, BATCH_CHARS, LineWriter } from '../../src/runtime/line-writer.ts';
import { ManualClock, settled } from '../support/clock.ts';

/** A stream whose reader takes a chunk only when the test lets it. */
class SlowPipe extends Writable {
  readonly chunks: string[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #isStalled: boolean;

  constructor(isStalled: boolean) {
    super();
    this.#isStalled = isStalled;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk.toString());
    if (this.#isStalled) this.#waiting.push(done);
    else done();
  }

  async takeOne(): Promise<void> {
    this.#waiting.shift()?.();
    await settled();
  }
}

t.test('the lines of a turn are one write, in order', async (t) => {
  const pipe = new SlowPipe(false);
  const writer = new LineWriter(pipe);
  writer.write('a\n');
  writer.write('b\n');
  t.same(pipe.chunks, []);
  await settled();
  t.same(pipe.chunks, ['a\nb\n']);
  writer.write('c\n');
  await settled();
  t.same(pipe.chunks, ['a\nb\n', 'c\n']);
});

t.test('a full batch is not kept until the turn ends', async (t) => {
  const pipe = new SlowPipe(false);
  const writer = new LineWriter(pipe);
  const line = `${'x'.repeat(BATCH_CHARS - 1)}\n`;
  writer.write(line);
  writer.write('rest\n');
  t.same(pipe.chunks, [line]);
  await settled();
  t.same(pipe.chunks, [line, 'rest\n']);
});

t.test('a stalled reader costs lines, not memory, and is told how many when it reads again', async (t) => {
  const pipe = new SlowPipe(true);
  const writer: LineWriter = new LineWriter(pipe, { onLost: (lines) => writer.write(`${lines} lost\n`) });
  const line = `${'x'.repeat(1023)}\n`;
  const room = BACKLOG_CHARS / line.length;
  for (let i = 0; i < room + 5; i++) writer.write(line);
  await settled();
  t.equal(writer.lost, 5);
  t.equal(pipe.writableLength, BACKLOG_CHARS);
  for (let i = 0; i < room; i++) await pipe.takeOne();
  t.equal(pipe.writableLength, 0);
  t.equal(pipe.chunks.at(-1), '5 lost\n');
  t.equal(pipe.chunks.join('').length, BACKLOG_CHARS + '5 lost\n'.length);
  writer.write('next\n');
  await settled();
  t.equal(pipe.chunks.at(-1), 'next\n');
  t.equal(writer.lost, 5);
});

t.test('a reader that is gone loses all lines and harms nobody', async (t) => {
  const pipe = new SlowPipe(true);
  const writer = new LineWriter(pipe);
  writer.write('a\n');
  await settled();
  pipe.destroy(new Error('write EPIPE'));
  await settled();
  writer.write('b\n');
  writer.write('c\n');
  await writer.flush(new ManualClock(), 1000);
  t.equal(writer.lost, 2);
});

t.test('flush waits for the reader, but not for ever', async (t) => {
  const clock = new ManualClock();
  const pipe = new SlowPipe(true);
  const writer = new LineWriter(pipe);
  const told: string[] = [];
  await writer.flush(clock, 1000);
  writer.write('a\n');
  void writer.flush(clock, 1000).then(() => told.push('read'));
  t.same(pipe.chunks, ['a\n']);
  await clock.advance(999);
  t.same(told, []);
  await pipe.takeOne();
  t.same(told, ['read']);
  t.equal(clock.pending, 0);

  writer.write('b\n');
  void writer.flush(clock, 1000).then(() => told.push('given up'));
  await clock.advance(1000);
  t.same(told, ['read', 'given up']);
});
