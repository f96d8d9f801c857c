import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base.js';
import { durationFlag } from '../../cli/flags.js';
import type { Finding } from '../../kube/setup/machine.js';

const marks: Record<Finding['state'], string> = {
  done: 'there',
  todo: 'to do',
  missing: 'MISSING',
};

export default class KubeInit extends BaseCommand {
  static override summary = 'make this machine a node of a Kubernetes cluster';
  static override usage = 'kube init [TOKEN] [FLAGS] [-- kubeadm join ...]';
  static override description = `From an invite to a node: joins the network, has evio run as a service (in the background where neither systemd nor OpenRC runs), has the machine forward packets, puts the CNI plugin where the container runtime looks for plugins, tells the kubelet its address in the network, and runs "kubeadm join" with the words that follow --, which are what "kubeadm token create --print-join-command" prints on the control plane. What is done already is left alone, so it can be called again at any point. "evio kube reset" takes it back.

A container runtime, the kubelet, kubeadm and the CNI project's plugins have to be installed. The invite needs the right "route". The agent comes with the cluster: evio kube manifest.`;

  static override examples = [
    'sudo <%= config.bin %> <%= command.id %> evio1AbC… -- kubeadm join 10.144.0.1:6443 --token … --discovery-token-ca-cert-hash …',
    'sudo <%= config.bin %> <%= command.id %> --token-file token.txt --dry-run',
    'sudo <%= config.bin %> <%= command.id %> -- kubeadm join 10.144.0.1:6443 --token …',
  ];

  static override args = {
    token: Args.string({
      ignoreStdin: true,
      description: 'token from "evio token create --right route", or - to read it',
    }),
  };

  static override flags = {
    'token-file': Flags.string({ helpValue: 'FILE', description: 'read the token from this file' }),
    name: Flags.string({ helpValue: 'NAME', description: 'name in the network [default: the host name]' }),
    ip: Flags.string({ helpValue: 'ADDRESS', description: 'address in the network' }),
    wait: durationFlag({
      default: 30_000,
      defaultHelp: async () => '30s',
      description: 'how long to wait until it is connected',
    }),
    'no-service': Flags.boolean({ description: 'run evio in the background, not as a service' }),
    'cri-socket': Flags.string({
      helpValue: 'PATH',
      description: "of the container runtime [default: containerd's, CRI-O's]",
    }),
    'cni-conf': Flags.string({
      default: '/etc/cni/net.d',
      helpValue: 'FOLDER',
      description: 'of CNI configurations',
    }),
    'cni-bin': Flags.string({
      helpValue: 'FOLDER',
      description: 'of CNI plugins [default: what containerd is told, else /opt/cni/bin]',
    }),
    'dry-run': Flags.boolean({ description: 'change nothing: say what is there, and what would be done' }),
  };

  async run(): Promise<object> {
    // What follows is kubeadm's, flags and all.
    const end = this.argv.includes('--') ? this.argv.indexOf('--') : this.argv.length;
    const [own, rest] = [this.argv.slice(0, end), this.argv.slice(end + 1)];
    const { args, flags } = await this.parse(KubeInit, own);
    const { joinWords } = await import('../../kube/setup/words.js');
    const { lookAt, pluginFolder } = await import('../../kube/setup/machine.js');
    const { hasJoined, Setup } = await import('../../kube/setup/setup.js');
    const { RecordFile } = await import('../../kube/setup/record.js');
    const { Store } = await import('../../core/config/store.js');
    const { EvioError } = await import('../../core/lib/errors.js');
    const home = this.home();
    const { token } = args;
    const join = joinWords(rest);
    const root = '/';
    const joined = hasJoined(root);
    const member = new Store(home).list().length > 0;
    const where = {
      root,
      cniBin: flags['cni-bin'] ?? pluginFolder(root),
      criSocket: flags['cri-socket'],
      path: process.env['PATH'] ?? '',
    };
    const findings = lookAt(where, join.length > 0 && !joined);
    const missing = findings.filter(({ state }) => state === 'missing');
    if (flags['dry-run']) {
      const steps = [
        ...findings,
        { id: 'network', state: member ? 'done' : 'todo', detail: 'this machine is a member of the network' },
        { id: 'join', state: joined ? 'done' : 'todo', detail: 'the kubelet has an account of the cluster' },
      ] as const;
      for (const { state, detail } of steps) this.print(`${marks[state].padEnd(8)} ${detail}`);
      for (const { suggestion = '' } of missing) this.say(suggestion);
      if (missing.length > 0) process.exitCode = 1;
      return { steps };
    }
    if (missing.length > 0)
      throw new EvioError(
        'EVIO_KUBE_NODE',
        `This machine cannot be a node yet: ${missing.map(({ detail }) => detail).join('; ')}.`,
        missing.flatMap(({ suggestion }) => suggestion ?? []),
      );
    const { requirePrivilege } = await import('../../core/native/privilege.js');
    requirePrivilege();
    const { tokenText } = await import('../../cli/token-text.js');
    const given = token ?? (flags['token-file'] === undefined ? process.env['EVIO_TOKEN'] : '');
    const text =
      given === undefined && member ? undefined : tokenText({ argument: token, file: flags['token-file'] });

    const { lockSetup } = await import('../../kube/setup/lock.js');
    const held = lockSetup(home, () => {
      this.say('Another "evio kube init" works on this machine, or what it has begun: waiting for its end.');
    });
    const setup = new Setup(where, flags['cni-conf'], new RecordFile(home));
    for (const warning of setup.prepare()) this.say(warning);
    const { runMember } = await import('../../cli/kube-member.js');
    const { node, network } = await runMember(home, {
      token: text,
      words: (['name', 'ip'] as const).flatMap((key) => {
        const value = flags[key];
        return value === undefined ? [] : [`--${key}`, value];
      }),
      service: !flags['no-service'] && (await this.#hasServices()),
      waitMs: flags.wait,
      held,
    });
    this.say(`In the network ${network.name} as ${node.name}, ${node.ip}.`);
    if (setup.tellKubelet(node.ip) && joined)
      this.say(`The kubelet is told --node-ip=${node.ip} at its next start: systemctl restart kubelet`);
    const facts = { network: { id: network.id, name: network.name }, node: { name: node.name, ip: node.ip } };
    if (hasJoined(root)) {
      this.say('The kubelet has an account of a cluster already.');
      return { ...facts, joined: true, next: null };
    }
    if (join.length === 0) {
      const next = 'sudo evio kube init -- kubeadm join …';
      this.say(
        'Next, with the line that the control plane prints by: kubeadm token create --print-join-command',
      );
      this.show(next);
      return { ...facts, joined: false, next };
    }
    const { runKubeadm } = await import('../../kube/setup/kubeadm.js');
    // A join that came to no end, which kubeadm does not go on with: it finds its own files, and refuses.
    if (setup.joined) runKubeadm(where, ['reset', '--force'], held);
    // Before: a kill in between must not leave a node that reset does not know of.
    setup.noteJoined();
    runKubeadm(where, join, held);
    this.say('Joined the cluster. The node is ready once the agent runs on it: evio kube manifest');
    return { ...facts, joined: true, next: null };
  }

  /** Somebody runs services here. */
  async #hasServices(): Promise<boolean> {
    const { serviceManager } = await import('../../service/manager.js');
    try {
      serviceManager();
      return true;
    } catch {
      return false;
    }
  }
}
