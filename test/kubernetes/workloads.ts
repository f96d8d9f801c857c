/** What runs in the cluster. */

const image = 'docker.io/local/box:1';

/** A pod on a certain node, which says its name by HTTP, and who asks in its log. */
export function web(node: string, name = `web-${node}`, labels = { app: 'web', only: node }): object {
  const serves = [
    'mkdir -p /www',
    'hostname >/www/index.html',
    'echo up $(hostname)',
    'exec httpd -f -v -p 8080 -h /www',
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        { name: 'web', image, imagePullPolicy: 'Never', command: ['sh', '-c', serves.join('\n')] },
      ],
    },
  };
}

/** A pod that asks at once, and over and over, and says `got` when anybody answers. */
export function eager(
  name: string,
  node: string,
  ip: string,
  labels: Readonly<Record<string, string>>,
): object {
  const asks = [
    'i=0',
    'while [ $i -lt 15 ]; do',
    `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 ${ip} 8080 | grep -q web && echo got`,
    'i=$((i+1)); sleep 0.1',
    'done',
    'echo end; exec sleep 1000',
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: 'Exists' }],
      containers: [{ name: 'asks', image, imagePullPolicy: 'Never', command: ['sh', '-c', asks.join('\n')] }],
    },
  };
}

/** One pod that keeps its name wherever it runs, and says there by HTTP on which node it is. */
export function stateful(name: string, nodes: readonly string[]): object {
  const labels = { app: name };
  const serves = ['mkdir -p /www', 'echo $NODE >/www/index.html', 'exec httpd -f -v -p 8080 -h /www'];
  const env = [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }];
  const onNodes = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: nodes }] };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name },
    spec: {
      serviceName: name,
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [onNodes] },
            },
          },
          containers: [
            { name: 'web', image, imagePullPolicy: 'Never', env, command: ['sh', '-c', serves.join('\n')] },
          ],
        },
      },
    },
  };
}

export function policy(name: string, spec: Readonly<Record<string, unknown>>): object {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name }, spec };
}

/** Over the pods of `web`. */
export function service(
  name: string,
  { type = 'NodePort', selector = { app: 'web' }, ...spec }: Readonly<Record<string, unknown>>,
): object {
  const ports = [{ port: 80, targetPort: 8080 }];
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { type, selector, ports, ...spec } };
}

/** CoreDNS, as clusters run it. */
export function dns(): object[] {
  const namespace = 'kube-system';
  const labels = { 'k8s-app': 'kube-dns' };
  const rbac = 'rbac.authorization.k8s.io';
  const corefile =
    '.:53 {\n errors\n health\n ready\n kubernetes cluster.local in-addr.arpa ip6.arpa\n cache 5\n}\n';
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'coredns', namespace } },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name: 'coredns' },
      rules: [
        {
          apiGroups: [''],
          resources: ['endpoints', 'services', 'pods', 'namespaces'],
          verbs: ['list', 'watch'],
        },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'coredns' },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'coredns' },
      subjects: [{ kind: 'ServiceAccount', name: 'coredns', namespace }],
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'coredns', namespace },
      data: { Corefile: corefile },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'coredns', namespace },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: 'coredns',
            dnsPolicy: 'Default',
            containers: [
              {
                name: 'coredns',
                image: 'docker.io/local/coredns:1',
                imagePullPolicy: 'Never',
                args: ['-conf', '/etc/coredns/Corefile'],
                readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
                volumeMounts: [{ name: 'config', mountPath: '/etc/coredns' }],
              },
            ],
            volumes: [{ name: 'config', configMap: { name: 'coredns' } }],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kube-dns', namespace },
      spec: {
        clusterIP: '10.96.0.10',
        selector: labels,
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53, protocol: 'TCP' },
        ],
      },
    },
  ];
}
