/**
 * What `kubectl apply` takes to run the agent on every node: an account with the least rights, a priority above pods, and a
 * DaemonSet. The chart in deploy/helm says the same; a test compares both.
 *
 * Why the agent is a pod and `evio node` is none: the network must be there before the kubelet, since the kubelet
 * reaches the API server by it.
 */

export interface ManifestOptions {
  readonly image: string;
  readonly namespace: string;
  /** By an address of the network; undefined: what Kubernetes tells the pod, a Service's address. */
  readonly apiServer: string | undefined;
  /** Of the evio network; undefined: the machine's only one. */
  readonly network: string | undefined;
  /** Range of addresses for Services of type LoadBalancer; undefined: none are given. */
  readonly pool: string | undefined;
  /** NetworkPolicies are put in force on every node. */
  readonly policy: boolean;
  /** State folder of evio on the nodes. */
  readonly home: string;
  readonly cniConf: string;
  readonly cniBin: string;
}

const name = 'evio';
const labels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/component': 'agent' };

type Json = Readonly<Record<string, unknown>>;

/** Reads what it mirrors; writes annotations of Nodes, and where Services are given addresses their status and a lease. */
function rules({ pool, policy }: ManifestOptions): readonly Json[] {
  return [
    { apiGroups: [''], resources: ['nodes'], verbs: ['list', 'watch', 'patch'] },
    ...(pool === undefined
      ? []
      : [
          { apiGroups: [''], resources: ['services'], verbs: ['list', 'watch'] },
          { apiGroups: [''], resources: ['services/status'], verbs: ['patch'] },
          { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
        ]),
    ...(policy
      ? [
          { apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['list', 'watch'] },
          { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['list', 'watch'] },
        ]
      : []),
  ];
}

/** Installs the plugin where the runtime looks for it. */
function initContainer(options: ManifestOptions): Json {
  return {
    name: 'install',
    image: options.image,
    command: ['evio'],
    args: ['kube', 'install', '--cni-bin', options.cniBin],
    securityContext: { capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE'] }, readOnlyRootFilesystem: true },
    volumeMounts: [{ name: 'cni-bin', mountPath: options.cniBin }],
  };
}

function agentContainer(options: ManifestOptions): Json {
  const { apiServer, network, pool, policy, cniConf, cniBin, home } = options;
  return {
    name: 'agent',
    image: options.image,
    command: ['evio'],
    args: [
      'kube',
      '--json',
      '--cni-conf',
      cniConf,
      '--cni-bin',
      cniBin,
      ...(apiServer === undefined ? [] : ['--api-server', apiServer]),
      ...(network === undefined ? [] : ['--network', network]),
      ...(pool === undefined ? [] : ['--service-pool', pool]),
      ...(policy ? ['--network-policy'] : []),
    ],
    env: [
      { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'EVIO_HOME', value: home },
    ],
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '256Mi' } },
    // It speaks to evio's socket and writes files: it changes no interface or route itself, and rules for NetworkPolicies only.
    securityContext: {
      capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE', ...(policy ? ['NET_ADMIN'] : [])] },
      readOnlyRootFilesystem: true,
    },
    volumeMounts: [
      { name: 'home', mountPath: home },
      { name: 'cni-conf', mountPath: cniConf },
      { name: 'cni-bin', mountPath: cniBin, readOnly: true },
    ],
  };
}

function daemonSet(options: ManifestOptions): Json {
  const { namespace, home, cniConf, cniBin } = options;
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace, labels },
    spec: {
      selector: { matchLabels: labels },
      // An agent that is away changes nothing for pods, so many may be replaced at a time.
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: name,
          priorityClassName: name,
          hostNetwork: true,
          dnsPolicy: 'Default',
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          tolerations: [{ operator: 'Exists' }],
          terminationGracePeriodSeconds: 5,
          initContainers: [initContainer(options)],
          containers: [agentContainer(options)],
          volumes: [
            { name: 'home', hostPath: { path: home, type: 'Directory' } },
            { name: 'cni-conf', hostPath: { path: cniConf, type: 'DirectoryOrCreate' } },
            { name: 'cni-bin', hostPath: { path: cniBin, type: 'DirectoryOrCreate' } },
          ],
        },
      },
    },
  };
}

export function manifestObjects(options: ManifestOptions): readonly Json[] {
  const { namespace, pool } = options;
  const rbac = 'rbac.authorization.k8s.io';
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, labels } },
    {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name, labels },
      value: 1_000_000_000,
      globalDefault: false,
      description: 'The pod network: without it no other pod starts.',
    },
    { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name, labels }, rules: rules(options) },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name, labels },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
      subjects,
    },
    ...(pool === undefined
      ? []
      : [
          {
            apiVersion: `${rbac}/v1`,
            kind: 'Role',
            metadata: { name, namespace, labels },
            rules: [
              { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
              {
                apiGroups: ['coordination.k8s.io'],
                resources: ['leases'],
                resourceNames: ['evio-services'],
                verbs: ['get', 'update'],
              },
            ],
          },
          {
            apiVersion: `${rbac}/v1`,
            kind: 'RoleBinding',
            metadata: { name, namespace, labels },
            roleRef: { apiGroup: rbac, kind: 'Role', name },
            subjects,
          },
        ]),
    daemonSet(options),
  ];
}

/** All of it, a document each. */
export async function manifestText(options: ManifestOptions): Promise<string> {
  const { stringify } = await import('yaml');
  return manifestObjects(options)
    .map((object) => stringify(object, { aliasDuplicateObjects: false }))
    .join('---\n');
}
