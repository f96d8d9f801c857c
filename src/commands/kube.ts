import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';
import type { AgentEvent } from '../kube/agent.js';

/** An event in the words of the log. */
function sentence(event: AgentEvent): {
  level: 'info' | 'warn';
  text: string;
  facts: Record<string, unknown>;
} {
  const { event: name, ...facts } = event;
  switch (event.event) {
    case 'not-ready':
    case 'warning':
      return {
        level: 'warn',
        text: event.message,
        facts: { code: event.code, next: event.suggestions.join(' ') },
      };
    case 'api-lost':
      return { level: 'warn', text: 'the API server does not answer: all stays as it is', facts };
    default:
      return { level: 'info', text: name, facts };
  }
}

export default class Kube extends BaseCommand {
  static override daemon = true;
  static override aliases = ['kube:agent'];
  static override summary = 'run the agent of a Kubernetes node';
  static override description = `Makes evio the pod network of this node, beside a running "evio node": announces the node's PodCIDRs as subnets of this member, accepts those of the other nodes, writes the CNI configuration while pods can be connected and removes it while they cannot, and annotates the Node. Runs until SIGINT or SIGTERM, and leaves everything in place then, so that pods go on.

Without --kubeconfig it takes the account of the pod that it runs in ("evio kube manifest" makes that pod). The machine needs the right "route": evio token create --right route.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> --kubeconfig /etc/evio/kubeconfig',
    '<%= config.bin %> <%= command.id %> --api-server https://10.144.0.1:6443 --node-name node-1',
  ];

  static override flags = {
    network: networkFlag,
    kubeconfig: Flags.string({
      helpValue: 'FILE',
      description: 'where the API server is, and who we are there',
    }),
    'api-server': Flags.string({
      helpValue: 'URL',
      description:
        'reach it here instead: by an address of the network, which answers before any Service does',
    }),
    'node-name': Flags.string({
      helpValue: 'NAME',
      env: 'NODE_NAME',
      description: 'of the Node object [default: the name of the machine]',
    }),
    'service-pool': Flags.string({
      helpValue: 'CIDR',
      description:
        'addresses for Services of type LoadBalancer, outside the range of the network; CIDR,CIDR for both families',
    }),
    'network-policy': Flags.boolean({
      description: 'put NetworkPolicies in force for the pods of this node (needs nft and CAP_NET_ADMIN)',
    }),
    'cni-conf': Flags.string({
      default: '/etc/cni/net.d',
      helpValue: 'FOLDER',
      description: 'of CNI configurations',
    }),
    'cni-bin': Flags.string({ default: '/opt/cni/bin', helpValue: 'FOLDER', description: 'of CNI plugins' }),
  };

  async run(): Promise<undefined> {
    const { flags } = await this.parse(Kube);
    const { hostname } = await import('node:os');
    const { accessFrom, accessInCluster } = await import('../kube/api/access.js');
    const { ApiClient } = await import('../kube/api/client.js');
    const { Agent } = await import('../kube/agent.js');
    const { Conflist } = await import('../kube/conflist.js');
    const { Services } = await import('../kube/services/services.js');
    const { parsePools } = await import('../kube/services/pools.js');
    const { lockAgent } = await import('../kube/lock.js');
    const { stopOnSignals } = await import('../core/process/signals.js');
    const home = this.home();
    const log = await this.logger();
    const server = flags['api-server'];
    const access =
      flags.kubeconfig === undefined
        ? accessInCluster(process.env, server)
        : await accessFrom(flags.kubeconfig, server);
    const nodeName = flags['node-name'] ?? hostname();
    const range = flags['service-pool'];
    const pools = range === undefined ? undefined : parsePools(range);
    const release = await lockAgent(home);
    const client = new ApiClient(access);
    const ending = new AbortController();
    const unlisten = stopOnSignals(async () => {
      ending.abort();
    }, log);
    try {
      const agent = new Agent({
        home,
        network: flags.network,
        nodeName,
        client,
        conflist: new Conflist(flags['cni-conf'], flags['cni-bin']),
        policies: flags['network-policy'],
        services:
          pools &&
          ((changed, failed) =>
            new Services({ client, pools, namespace: access.namespace, nodeName, changed, failed })),
        emit: (event) => {
          const { level, text, facts } = sentence(event);
          if (this.jsonEnabled()) this.emit(event);
          else log[level](text, facts);
        },
      });
      await agent.run(ending.signal);
    } finally {
      unlisten();
      client.close();
      release();
    }
    return undefined;
  }
}
