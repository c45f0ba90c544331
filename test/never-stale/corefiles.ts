/** The caches that a cluster's Corefile may have. */
export const caches: Readonly<Record<string, string>> = {
  none: '',
  kubeadm: 'cache 30 {\n disable success cluster.local\n disable denial cluster.local\n}',
  'cache 30': 'cache 30',
};

/** `access`: the option that says where the API server is. */
export function corefile(access: string, cache: string): string {
  return `.:0 {
  bind 127.0.0.1
  errors
  kubernetes cluster.local in-addr.arpa {
    ${access}
    pods verified
    ttl 30
  }
  ${cache}
  loadbalance
}
`;
}
