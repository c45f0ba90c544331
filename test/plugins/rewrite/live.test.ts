import t from 'tap';
import { emptyAnswer } from '../../../src/core/answer.ts';
import { buildAnswer } from '../../../src/core/encode.ts';
import { type Handler } from '../../../src/core/handler.ts';
import { recordsAt } from '../../../src/core/inner-query.ts';
import { FLAG, RCODE, TYPE } from '../../../src/dns/codes.ts';
import { parseMessage } from '../../../src/dns/message.ts';
import { messageText } from '../../../src/dns/text.ts';
import type { Batch } from '../../../src/kube/batch.ts';
import type { Selection } from '../../../src/kube/resources.ts';
import { ClusterStore } from '../../../src/kube/store.ts';
import { cachePlugin } from '../../../src/plugins/cache/index.ts';
import { openClusterZones } from '../../../src/plugins/kubernetes/cluster-zones.ts';
import { Serial } from '../../../src/plugins/kubernetes/serial.ts';
import { Startup } from '../../../src/plugins/kubernetes/startup.ts';
import { rewritePlugin } from '../../../src/plugins/rewrite/index.ts';
import { LineApi } from '../../scenarios/line-api.ts';
import { answerText, queryFor } from '../../support/ask.ts';
import { kubernetesConfig } from '../../support/cluster-zones.ts';
import { exchangeUdp, questionWire } from '../../support/dns-client.ts';
import { build, testHost } from '../../support/env.ts';
import { recordOf } from '../../support/records.ts';
import { startServer } from '../../support/running-server.ts';
import { A } from './rewriting.ts';

class Block {
  readonly host = testHost();
  /** What came to the plugins behind `cache`. */
  readonly asked: string[] = [];
  readonly #api = new LineApi(SELECTIONS);
  readonly #store = new ClusterStore(
    SELECTIONS.map(({ kind }) => kind),
    this.host.clock,
  );
  readonly #handler: Handler;

  constructor(rules: string, outside: Handler) {
    const { clock, log } = this.host;
    const resolve: Handler = (query) => this.#handler(query);
    const zones = openClusterZones(kubernetesConfig('cluster.local', ['ttl 30']), {
      cluster: this.#store,
      serial: new Serial(),
      startup: new Startup(this.#store, { clock, log, limitMs: 5000 }),
      ownAddresses: [],
      resolve,
      next: outside,
      clock,
    });
    const behind: Handler = (query) => {
      this.asked.push(query.key);
      return zones.handler(query);
    };
    const { host } = this;
    const cache = build(cachePlugin, '. {\ncache 30\n}\n', { host, next: behind });
    this.#handler = build(rewritePlugin, `. {\n${rules}\n}\n`, { host, next: cache.handler, resolve }).handler;
    for (const { kind } of SELECTIONS) this.#hear(this.#api.list(kind, [], 'whole'));
  }

  /** `+ service default/web 10.96.1.1`, and the like. */
  happens(...lines: readonly string[]): void {
    for (const line of lines) this.#hear(this.#api.changes([line]));
  }

  /** The answer as `answerText` has it, with the TTLs that it has now. */
  async ask(question: string): Promise<string> {
    const query = queryFor(question);
    const answer = await this.#handler(query);
    const aged = recordsAt(query, answer, this.host.clock.now());
    return answerText(query, { ...buildAnswer(query, { ...answer, options: [], ...aged }) });
  }

  #hear(batches: readonly Batch[]): void {
    for (const batch of batches) this.#store.apply(batch);
  }
}

const SELECTIONS: readonly Selection[] = [{ kind: 'Namespace' }, { kind: 'Service' }, { kind: 'EndpointSlice' }];
const nowhere: Handler = () => emptyAnswer(RCODE.REFUSED, 'outside');

t.test('a name of the cluster is as fresh under another name', async (t) => {
  const cases: readonly (readonly [rule: string, name: string])[] = [
    ['name shop.example.com web.shop.svc.cluster.local', 'shop.example.com.'],
    ['name suffix .svc.corp.test .svc.cluster.local answer auto', 'web.shop.svc.corp.test.'],
    [String.raw`name regex ^(.*)\.apps\.test {1}.shop.svc.cluster.local answer auto`, 'web.apps.test.'],
    ['ttl substring . 30', 'web.shop.svc.cluster.local.'],
  ];
  for (const [rule, name] of cases) {
    const block = new Block(`rewrite ${rule}`, nowhere);
    block.happens('+ namespace shop');
    t.match(await block.ask(`${name} A`), 'NXDOMAIN aa', `${rule}: asked before it exists`);
    block.happens('+ service shop/web 10.96.1.1 http:80');
    t.equal(await block.ask(`${name} A`), `NOERROR aa\nanswer ${name} 30 IN A 10.96.1.1`, 'it exists');
    block.happens('- service shop/web', '+ service shop/web 10.96.1.2 http:80');
    t.equal(await block.ask(`${name} A`), `NOERROR aa\nanswer ${name} 30 IN A 10.96.1.2`, 'it has another address');
    block.happens('+ service shop/web None http:80', '+ slice shop/web-a of web 10.244.0.1 http:80');
    t.equal(await block.ask(`${name} A`), `NOERROR aa\nanswer ${name} 30 IN A 10.244.0.1`, 'its endpoint');
    block.happens('- service shop/web');
    t.match(await block.ask(`${name} A`), 'NXDOMAIN aa', 'it is gone');
    t.equal(block.asked.length, 5, 'the cluster was asked each time');
  }
});

t.test('an alias from outside that leads into the cluster is as fresh as that', async (t) => {
  const alias: Handler = (query) =>
    buildAnswer(query, {
      rcode: RCODE.NOERROR,
      flags: FLAG.RA,
      source: 'forward',
      answer: [recordOf(`${query.text} 300 IN CNAME web.old.test.`), recordOf(`web.old.test. 300 ${A}`)],
    });
  const block = new Block('rewrite cname suffix .old.test. .shop.svc.cluster.local.', alias);
  block.happens('+ namespace shop', '+ service shop/web 10.96.1.1 http:80');
  const head = 'NOERROR ra\nanswer www.test. 30 IN CNAME web.shop.svc.cluster.local.\n';
  const record = 'answer web.shop.svc.cluster.local. 30 IN A';
  t.equal(await block.ask('www.test. A'), `${head}${record} 10.96.1.1`);
  block.happens('+ service shop/web 10.96.1.2 http:80');
  t.equal(await block.ask('www.test. A'), `${head}${record} 10.96.1.2`);
  block.happens('- service shop/web');
  t.equal(await block.ask('www.test. A'), head.trim());
  t.same(block.asked.slice(1), Array(3).fill('web.shop.svc.cluster.local.'), 'what is outside was asked once');
});

t.test('an answer from outside is kept, and its TTL counts down, under any of its names', async (t) => {
  const outside: Handler = (query) =>
    buildAnswer(query, {
      rcode: RCODE.NOERROR,
      flags: FLAG.RA,
      source: 'forward',
      answer: [recordOf(`${query.text} 300 ${A}`)],
    });
  const block = new Block('rewrite name suffix .old.test .real.test answer auto', outside);
  t.equal(await block.ask('www.old.test. A'), `NOERROR ra\nanswer www.old.test. 30 ${A}`);
  await block.host.clock.advance(10_000);
  t.equal(await block.ask('WWW.old.test. A'), `NOERROR ra\nanswer www.old.test. 20 ${A}`);
  t.equal(await block.ask('www.real.test. A'), `NOERROR ra\nanswer www.real.test. 20 ${A}`);
  await block.host.clock.advance(20_000);
  t.equal(await block.ask('www.old.test. A'), `NOERROR ra\nanswer www.old.test. 30 ${A}`);
  t.same(block.asked, ['www.real.test.', 'www.real.test.'], 'asked again when it had expired');
});

t.test('the whole way: a client gets an answer to its own question', async (t) => {
  const server = await startServer(`.:0 {
  rewrite continue edns0 local set 0xffee new
  rewrite continue type AAAA A
  rewrite name suffix .old.test .real.test answer auto
  hosts {
    192.0.2.1 web.real.test
  }
}
`);
  t.teardown(() => server.close());
  const reply = await exchangeUdp(server.port, questionWire({ name: 'WEB.old.test.', type: TYPE.AAAA }));
  t.equal(
    messageText(parseMessage(reply ?? Buffer.of())),
    'NOERROR qr aa rd\nquestion WEB.old.test. IN AAAA\nanswer web.old.test. 3600 IN A 192.0.2.1',
  );
  const edns = { udpSize: 1232 };
  const other = await exchangeUdp(server.port, questionWire({ name: 'web.old.test.', type: TYPE.AAAA, edns }));
  t.match(parseMessage(other ?? Buffer.of()).edns, { udpSize: 1232, options: [{ code: 0xffee }] });
});
