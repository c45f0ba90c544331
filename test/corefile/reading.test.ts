import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { defaultCorefile, readCorefile } from '../../src/corefile/index.ts';
import { systemFiles } from '../../src/corefile/system-files.ts';
import { addresses, memoryFiles, outline, plugins, read } from './read.ts';

/** A Corefile as it was given to the reference, and what came of it. */
interface Case {
  readonly label: string;
  readonly corefile: string;
  readonly serves?: readonly string[];
  readonly oddNames?: readonly string[];
  readonly warning?: string;
  readonly line?: number;
  readonly error?: string;
}

t.test('what the reference does with whole Corefiles', async (t) => {
  const cases = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8')) as readonly Case[];
  const texts = { '/etc/coredns/cf/a.override': 'log\n' };
  for (const { label, corefile, serves, oddNames = [], warning, line, error } of cases) {
    const {
      corefile: { blocks },
      warnings,
      errors,
    } = read(corefile, texts, { TESTPORT: '35353', X: 'a b' });
    if (error !== undefined) {
      t.equal(errors.length, 1, `${label}: one error`);
      t.equal(errors[0]?.line, line, `${label}: line`);
      t.ok(errors[0]?.message.startsWith(error), `${label}: ${errors[0]?.message}`);
      continue;
    }
    t.strictSame(errors, [], label);
    t.strictSame(addresses(blocks).sort(), serves, `${label}: addresses`);
    const odd = blocks.flatMap((block) => block.addresses.filter((address) => !address.preferredSyntax));
    t.strictSame(
      odd.map((address) => address.zone),
      oddNames,
      `${label}: names that the start-up warns of`,
    );
    if (warning !== undefined)
      t.ok(
        warnings.some(({ message }) => message === warning),
        `${label}: ${warning}`,
      );
  }
});

/** By the name of a file in data/, the outlines of its blocks. */
type Outlines = Readonly<Record<string, readonly string[]>>;

t.test('Corefiles from the world', async (t) => {
  const expected = JSON.parse(readFileSync(new URL('outlines.json', import.meta.url), 'utf8')) as Outlines;
  const environment = { NOMAD_PORT_health: '8080', NOMAD_IP_dns: '192.0.2.1', MY_HOST_IP: '192.0.2.1' };
  const data = new URL('data/', import.meta.url);
  const names = readdirSync(data).map((file) => file.replace('.Corefile', ''));
  t.strictSame(names.sort(), Object.keys(expected).sort(), 'every file is looked at');
  for (const [name, blocks] of Object.entries(expected)) {
    const { corefile, errors } = read(readFileSync(new URL(`${name}.Corefile`, data), 'utf8'), {}, environment);
    t.strictSame(corefile.blocks.map(outline), blocks, name);
    const unknown = errors.filter(({ message }) => !message.includes(`Unknown directive 'proxy'; CoreDNS removed it`));
    t.strictSame(unknown, [], `${name}: errors`);
  }

  // The whole collection, where it stands beside the repository.
  const shared = new URL('../../../shared/corefiles/', import.meta.url);
  for (const file of existsSync(shared) ? readdirSync(shared) : []) {
    if (!file.endsWith('.Corefile')) continue;
    const { corefile, errors } = read(readFileSync(new URL(file, shared), 'utf8'));
    const structural = errors.filter(({ message }) => !message.includes('Unknown directive'));
    t.strictSame(structural, [], file);
    t.ok(corefile.blocks.length > 0, `${file}: blocks`);
  }
});

t.test('without a block', async (t) => {
  t.strictSame(defaultCorefile(1053), { path: 'Corefile', text: '.:1053 {\nwhoami\nlog\n}\n' });
  const options = { plugins, dnsPort: 1053 };
  const nothing = readCorefile({ path: 'Corefile', text: '{\nerrors\n}' }, {}, memoryFiles(), options);
  t.strictSame(nothing.corefile.blocks.map(outline), ['.:1053 | whoami log']);
  t.strictSame(nothing.corefile.blocks[0]?.zones, ['.']);
  t.strictSame(read('{\nfoo\n}').corefile.blocks, [], 'a mistake is no reason to serve something else');
});

t.test('fingerprint', async (t) => {
  const kubeadm = readFileSync(new URL('data/distro-kubeadm-pre-1.33.Corefile', import.meta.url), 'utf8');
  const { fingerprint } = read(kubeadm);
  // As CoreDNS prints it for this file in thousands of published logs.
  t.equal(
    fingerprint,
    '591cf328cccc12bc490481273e738df59329c62c0b729d94e8b61db9961c2fa5f046dd37f1cf888b953814040d180f52594972691cd6ff41be96639138a43908',
  );
  t.equal(read(kubeadm, {}, {}, '/etc/coredns/Corefile').fingerprint, fingerprint, 'where the file lies');
  const same = kubeadm.replaceAll('    ', '\t').replace('ready', 'ready # or not').replace(/$/, '\n\n# end\n');
  t.equal(read(same).fingerprint, fingerprint, 'indentation, comments behind words and blank lines at the end');
  t.equal(read(kubeadm.replace('53', '{$PORT}'), {}, { PORT: '53' }).fingerprint, fingerprint, 'what a variable holds');
  for (const [from, to] of [
    ['ready', '\nready'],
    ['5s', '6s'],
    ['.:53', '.:53 a'],
    ['loop\n', '#\n'],
  ] as const) {
    t.not(read(kubeadm.replace(from, to)).fingerprint, fingerprint, `${from} to ${to}`);
  }
  const imports = '. {\nimport x\n}';
  t.not(
    read(imports, { '/etc/coredns/x': 'log' }).fingerprint,
    read(imports, { '/etc/coredns/x': 'log .' }).fingerprint,
  );
  t.match(read('. {\nfoo\n}').fingerprint, /^[0-9a-f]{128}$/, 'an unknown directive has its structure');
  t.equal(read('. {\nlog').fingerprint, undefined, 'a file that is cut off has none');
});

t.test('the files of the machine', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'portolan-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'b.override'), 'log');
  writeFileSync(join(directory, 'a.override'), 'errors');
  const options = { plugins, dnsPort: 53 };
  const source = {
    path: join(directory, 'Corefile'),
    text: '. {\nimport *.override\nimport none/*.override\nimport .\n}',
  };
  const { corefile, warnings, errors } = readCorefile(source, {}, systemFiles, options);
  t.strictSame(corefile.blocks.map(outline), ['.:53 | errors log']);
  t.equal(warnings.length, 1);
  t.match(errors[0]?.message, /is a directory$/);
  t.equal(systemFiles.kind('/dev/null'), 'other');
});
