import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base.js';

export default class KubeManifest extends BaseCommand {
  static override summary = 'print what kubectl takes to run the agent on every node';
  static override description =
    'An account with the least rights, a priority class and a DaemonSet, as YAML on standard output. The nodes themselves run "evio node", as members of one network, before the kubelet. deploy/helm has a chart of the same.';

  static override examples = [
    '<%= config.bin %> <%= command.id %> --image registry.example.org/evio:0.1.0 --api-server https://10.144.0.1:6443 | kubectl apply -f -',
    '<%= config.bin %> <%= command.id %> --image registry.example.org/evio:0.1.0 --service-pool 10.145.0.0/24',
  ];

  static override flags = {
    image: Flags.string({ required: true, helpValue: 'REF', description: 'image of evio' }),
    namespace: Flags.string({
      default: 'kube-system',
      helpValue: 'NAME',
      description: 'where the agent runs',
    }),
    'api-server': Flags.string({
      helpValue: 'URL',
      description: 'the API server by an address of the network',
    }),
    'evio-network': Flags.string({
      helpValue: 'NETWORK',
      description: 'network, where the nodes are in several',
    }),
    'service-pool': Flags.string({
      helpValue: 'CIDR',
      description:
        'addresses for Services of type LoadBalancer, outside the range of the network; CIDR,CIDR for both families',
    }),
    'network-policy': Flags.boolean({ description: 'put NetworkPolicies in force on every node' }),
    home: Flags.string({
      default: '/var/lib/evio',
      helpValue: 'FOLDER',
      description: 'EVIO_HOME of the nodes',
    }),
    'cni-conf': Flags.string({
      default: '/etc/cni/net.d',
      helpValue: 'FOLDER',
      description: 'of CNI configurations',
    }),
    'cni-bin': Flags.string({ default: '/opt/cni/bin', helpValue: 'FOLDER', description: 'of CNI plugins' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(KubeManifest);
    const { parsePools } = await import('../../kube/services/pools.js');
    const { manifestObjects, manifestText } = await import('../../kube/manifest.js');
    const range = flags['service-pool'];
    if (range !== undefined) parsePools(range);
    const options = {
      image: flags.image,
      namespace: flags.namespace,
      apiServer: flags['api-server'],
      network: flags['evio-network'],
      pool: range,
      policy: flags['network-policy'],
      home: flags.home,
      cniConf: flags['cni-conf'],
      cniBin: flags['cni-bin'],
    };
    if (!this.jsonEnabled()) this.print(await manifestText(options));
    return { apiVersion: 'v1', kind: 'List', items: manifestObjects(options) };
  }
}
