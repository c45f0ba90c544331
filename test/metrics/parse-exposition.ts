import assert from 'node:assert/strict';

export interface ParsedFamily {
  readonly type: string;
  readonly help: string;
  /** Value by series, written `name{label="value",...}` with labels as printed. */
  readonly samples: ReadonlyMap<string, number>;
}

interface ParsedSample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = String.raw`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"`;
const NUMBER = String.raw`[+-]Inf|NaN|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?`;
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (${NUMBER})$`);

/**
 * Reads the Prometheus text format 0.0.4 as strictly as it may be read: HELP, TYPE, then the samples of that family,
 * no blank line, no series twice, families sorted, histograms whole. Throws an AssertionError for anything else.
 */
export function parseExposition(text: string): ReadonlyMap<string, ParsedFamily> {
  assert.ok(text === '' || text.endsWith('\n'), 'the last line ends with a line feed');
  const families = new Map<string, ParsedFamily>();
  const lines = text.split('\n').slice(0, -1);
  let previous = '';
  for (let at = 0; at < lines.length;) {
    const help = new RegExp(`^# HELP (${NAME}) (.*)$`).exec(lines[at++] ?? '');
    assert.ok(help, `HELP expected: ${lines[at - 1]}`);
    const name = help[1] ?? '';
    assert.ok(name > previous, `${name} after ${previous}`);
    previous = name;
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(lines[at++] ?? '');
    assert.equal(type?.[1], name, 'TYPE names the same metric');
    const samples: ParsedSample[] = [];
    for (; at < lines.length && !lines[at]?.startsWith('#'); at++) samples.push(parseSample(lines[at] ?? ''));
    assert.ok(samples.length > 0, `${name} has series`);
    if (type?.[2] === 'histogram') checkHistogram(name, samples);
    else for (const sample of samples) assert.equal(sample.name, name);
    const bySeries = new Map(samples.map((sample) => [seriesOf(sample.name, sample.labels), sample.value]));
    assert.equal(bySeries.size, samples.length, `${name}: no series twice`);
    families.set(name, { type: type?.[2] ?? '', help: help[2] ?? '', samples: bySeries });
  }
  return families;
}

function parseSample(line: string): ParsedSample {
  const match = SAMPLE.exec(line);
  assert.ok(match, `no sample: ${line}`);
  const labels = [...(match[2] ?? '').matchAll(new RegExp(LABEL, 'g'))].map(
    ([, name = '', value = '']): [string, string] => [name, unescape(value)],
  );
  assert.equal(new Set(labels.map(([name]) => name)).size, labels.length, `label twice: ${line}`);
  return { name: match[1] ?? '', labels: new Map(labels), value: parseNumber(match.at(-1) ?? '') };
}

function parseNumber(text: string): number {
  return Number(text.replace('Inf', 'Infinity'));
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}

/** Each label set: buckets with ascending `le` and values that never fall, `+Inf` equal to the count, then sum, then count. */
function checkHistogram(name: string, samples: readonly ParsedSample[]): void {
  let bound = -Infinity;
  let cumulated = 0;
  for (const sample of samples) {
    const le = sample.labels.get('le');
    if (sample.name === `${name}_bucket`) {
      const next = parseNumber(le ?? 'NaN');
      assert.ok(next > bound && sample.value >= cumulated, `${name}: buckets ascend`);
      bound = next;
      cumulated = sample.value;
    } else {
      assert.equal(bound, Infinity, `${name}: +Inf comes last`);
      assert.equal(le, undefined);
      if (sample.name === `${name}_sum`) continue;
      assert.equal(sample.name, `${name}_count`);
      assert.equal(sample.value, cumulated, `${name}: +Inf is the count`);
      bound = -Infinity;
      cumulated = 0;
    }
  }
  assert.equal(bound, -Infinity, `${name}: ends with a count`);
}

function seriesOf(name: string, labels: ReadonlyMap<string, string>): string {
  const list = [...labels].map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(',');
  return list === '' ? name : `${name}{${list}}`;
}
