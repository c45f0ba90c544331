/** Where this server means to differ from the reference: which cases show it, and what a user has of it. */
export interface Difference {
  /** Ids of cases; `ID#N` is the Nth step of a sequence. */
  readonly cases: readonly string[];
  readonly gain: string;
}

export const differences: readonly Difference[] = [
  {
    cases: [
      'edge-std-099',
      'seq-ns-addrs-ns-nsa#6',
      'seq-ns-addrs-ns-nsb#6',
      'seq-ns-addrs-ns-nsc#6',
      'seq-ns-addrs-ns-nsd#6',
      'seq-ns-addrs-ns-with-bind#6',
    ],
    gain: 'Names of the zone itself are found in any letter case (RFC 4343), so resolvers that mix letters find them too.',
  },
  {
    cases: [
      'seq-cache-kubeadm-cache-kubeadm#29',
      'seq-cache-kubeadm-cache-kubeadm#33',
      'seq-zones-hosts-truncation-hosts#2',
      'seq-autopath-autopath-cache#6',
    ],
    gain: 'Question and owner come back in the letters that the client used, so clients that mix letters take the answer.',
  },
  {
    cases: ['seq-cache-kubeadm-cache-kubeadm#28'],
    gain: 'A reply to another question is waited past, as one with a wrong id is: a forged packet ends no query.',
  },
  {
    cases: ['edge-std-254', 'edge-std-303'],
    gain: 'When the target of an ExternalName can not be asked for, clients hear of a failure and try again, not of a name without addresses.',
  },
  {
    cases: ['seq-zones-hosts-reverse-zone-first#1', 'seq-zones-hosts-reverse-zone-first#2', 'corefile-run-062'],
    gain: 'PTR records lead to names that exist, in whatever order the zones stand; a file without a zone for them is refused.',
  },
  {
    cases: [
      'seq-ns-addrs-ns-with-bind#1',
      'seq-ns-addrs-ns-with-bind#2',
      'seq-ns-addrs-ns-with-bind#3',
      'seq-ns-addrs-ns-with-bind#5',
      'seq-ns-addrs-ns-with-bind-192#1',
      'seq-ns-addrs-ns-with-bind-192#2',
      'seq-ns-addrs-ns-with-bind-192#3',
    ],
    gain: 'The zone keeps its name servers when the server is bound to some addresses.',
  },
  {
    cases: ['seq-quirks-quirks#6'],
    gain: 'An address that only a slice without a service has is denied; nobody waits for a reply that never comes.',
  },
  {
    cases: ['seq-quirks-quirks#13', 'seq-quirks-quirks#14', 'seq-quirks-quirks#16'],
    gain: 'A service without an assigned address exists and has none; no question about the root goes upstream.',
  },
  {
    cases: ['seq-quirks-quirks#17', 'seq-quirks-quirks#18', 'seq-quirks-quirks#19'],
    gain: 'Slices of names, which Kubernetes has given up, make no alias of a headless service.',
  },
  {
    cases: ['seq-quirks-quirks#23'],
    gain: 'A pod is found by each of its addresses, as in CoreDNS 1.15.',
  },
  {
    cases: ['xfr-002'],
    gain: 'A transferred multicluster zone has the names of endpoints with their cluster, as queries find them.',
  },
  {
    cases: ['corefile-run-005'],
    gain: 'A closing brace too many is told of, and does not open port 53 for a zone of that name.',
  },
  {
    cases: ['corefile-run-160', 'corefile-run-161'],
    gain: 'A mistake of a whole directive is told with the line where the directive begins, not where its block ends.',
  },
  {
    cases: ['corefile-run-149'],
    gain: 'A zone that is not served is told with the line of the option that names it.',
  },
  {
    cases: ['corefile-run-162'],
    gain: 'A startup_timeout of 0s is refused with its line, where the reference crashes.',
  },
  {
    cases: ['corefile-run-170'],
    gain: 'A forwarding loop fails the names that run in it; the process goes on answering for the cluster.',
  },
  {
    cases: [
      'seq-rewrite-rewrite-edns-local#1',
      'seq-rewrite-rewrite-edns-local-revert#1',
      'seq-rewrite-rewrite-edns-subnet#1',
    ],
    gain: 'A client without EDNS gets none, and no more than 512 bytes over UDP, when a rule adds EDNS to its question (RFC 6891 7).',
  },
];

const byCase = new Map(differences.flatMap((difference) => difference.cases.map((id) => [id, difference] as const)));

/** The difference that a case or a step shows. */
export function intended(id: string): Difference | undefined {
  return byCase.get(id);
}
