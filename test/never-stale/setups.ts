/** A server's configuration, and what becomes of questions and answers in it. */
export interface Setup {
  readonly name: string;
  /** The Corefile; `access` is the option that says where the API server is, `upstream` a resolver that knows no name. */
  readonly corefile: (access: string, upstream: string) => string;
  /** What that server is asked for `NAME TYPE`. */
  readonly asks: (question: string) => string;
  /** What it then says, where an answer to `question` itself would be `answer`, as the oracle writes it. */
  readonly hears: (answer: string, question: string) => string;
}

export const asItIs = { asks: (question: string) => question, hears: (answer: string) => answer };

const KUBEADM_CACHE = 'cache 30 {\n disable success cluster.local\n disable denial cluster.local\n}';

export const setups: readonly Setup[] = [
  { name: 'none', corefile: corefileWith(''), ...asItIs },
  { name: 'kubeadm', corefile: corefileWith(KUBEADM_CACHE), ...asItIs },
  { name: 'cache 30', corefile: corefileWith('cache 30'), ...asItIs },
  {
    name: 'rewrite',
    corefile: corefileWith('cache 30\nrewrite name suffix .corp.test .cluster.local answer auto'),
    asks: (question) => question.replace('.cluster.local. ', '.corp.test. '),
    hears: (answer, question) => (isForward(question) ? answer.replaceAll('.cluster.local.', '.corp.test.') : answer),
  },
  {
    name: 'autopath',
    corefile: corefileWith('cache 30\nautopath @kubernetes'),
    asks: (question) => (isSearched(question) ? question.replace(' ', `${SEARCHED} `) : question),
    hears: (answer, question) => (isSearched(question) ? afterSearch(answer, question) : answer),
  },
];

/** What the resolver of a pod puts behind the name that it was given. */
const SEARCHED = 'default.svc.cluster.local.';

function isForward(question: string): boolean {
  return question.includes('.cluster.local. ');
}

function isSearched(question: string): boolean {
  return isForward(question) && /^\S+ A+$/.test(question);
}

/** The name that was found is an alias of the one that was asked for. */
function afterSearch(answer: string, question: string): string {
  const [rcode = '', ...records] = answer.split(' | ');
  if (records.length === 0) return answer;
  return [rcode, ...[...records, `answer CNAME ${question.split(' ')[0]}`].sort()].join(' | ');
}

function corefileWith(lines: string): Setup['corefile'] {
  return (access, upstream) => `.:0 {
  bind 127.0.0.1
  errors
  kubernetes cluster.local in-addr.arpa {
    ${access}
    pods verified
    ttl 30
  }
  ${lines}
  loadbalance
  forward . ${upstream}
}
`;
}
