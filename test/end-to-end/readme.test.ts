import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { typeName } from '../../src/dns/codes.ts';
import type { Message } from '../../src/dns/message.ts';
import { rdataText } from '../../src/dns/text.ts';
import { ask, Portolan } from './process.ts';

const page = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');

interface Shown {
  readonly args: readonly string[];
  readonly output: readonly string[];
}

/** What the front page shows: each `$ dig ...` with the lines below it. */
function shownQuestions(): Shown[] {
  const blocks = page.matchAll(/^ {4}\$ dig @127\.0\.0\.1 -p 1053 \+noall \+answer (.+)\n((?: {4}[^$\n].*\n)+)/gm);
  return Array.from(blocks, ([, args = '', output = '']) => ({
    args: args.trim().split(' '),
    output: output.trim().split('\n').map(oneBlank).sort(),
  }));
}

function oneBlank(line: string): string {
  return line.trim().split(/\s+/).join(' ');
}

/** Asks as the page does, with dig where there is one. */
async function answerTo(args: readonly string[], port: number): Promise<string[]> {
  const options = ['@127.0.0.1', '-p', String(port), '+noall', '+answer', '+nocookie', ...args];
  const dig = spawnSync('dig', options, { encoding: 'utf8' });
  if (dig.error === undefined) {
    return dig.stdout
      .split('\n')
      .filter((line) => /^[^;\s]/.test(line))
      .map(oneBlank)
      .sort();
  }
  const reversed = args[0] === '-x' ? `${(args[1] ?? '').split('.').reverse().join('.')}.in-addr.arpa` : undefined;
  const type = reversed === undefined ? (args[1] ?? 'A') : 'PTR';
  return lines(await ask(port, `${reversed ?? args[0]}.`, type));
}

function lines(message: Message): string[] {
  return message.answer
    .map(({ name, ttl, type, data }) => `${name} ${ttl} IN ${typeName(type)} ${rdataText(data)}`)
    .sort();
}

t.test('the front page shows what is answered', async (t) => {
  const portolan = Portolan.dev(['-p', '0']);
  t.teardown(() => portolan.stop());
  const port = await portolan.port();
  const questions = shownQuestions();
  t.equal(questions.length, 7);
  for (const { args, output } of questions) t.same(await answerTo(args, port), output, args.join(' '));
});
