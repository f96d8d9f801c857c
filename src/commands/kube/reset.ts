import { BaseCommand } from '../../cli/base.js';

export default class KubeReset extends BaseCommand {
  static override summary = 'take back what "evio kube init" did to this machine';
  static override description =
    'Runs "kubeadm reset --force" where init had kubeadm join, which ends the pods of this node; withdraws the ranges that the agent announced; removes the CNI configuration, the plugin, the files and links that init made, and the address that it told the kubelet. The machine stays in the network: evio leave, evio service uninstall. What the kernel was told (forwarding, br_netfilter) lasts until the next boot. The Node object is removed on the control plane: kubectl delete node NAME';

  static override examples = ['sudo <%= config.bin %> <%= command.id %>'];

  async run(): Promise<object> {
    await this.parse(KubeReset);
    const { EvioError } = await import('../../core/lib/errors.js');
    const { RecordFile } = await import('../../kube/setup/record.js');
    const { Setup } = await import('../../kube/setup/setup.js');
    const home = this.home();
    const { lockSetup } = await import('../../kube/setup/lock.js');
    const held = lockSetup(home, () => {
      this.say('"evio kube init" works on this machine, or what it has begun: waiting for its end.');
    });
    const file = new RecordFile(home);
    const record = file.read();
    if (record === undefined) {
      this.say('"evio kube init" has done nothing on this machine, or all was taken back.');
      return { removed: [] };
    }
    const { runKubeadm } = await import('../../kube/setup/kubeadm.js');
    const { lockAgent } = await import('../../kube/lock.js');
    const { withdrawAll } = await import('../../kube/setup/withdraw.js');
    const where = {
      root: '/',
      cniBin: record.cniBin,
      criSocket: undefined,
      path: process.env['PATH'] ?? '',
    };
    // Also of a join that came to no end: what kubeadm has written stays in the way of the next.
    if (record.joined) runKubeadm(where, ['reset', '--force'], held);
    // An agent that still ran would announce again, and write its configuration.
    const release = await lockAgent(home);
    try {
      await withdrawAll(home).catch((thrown: unknown) => {
        if (!(thrown instanceof EvioError) || thrown.code !== 'EVIO_NOT_RUNNING') throw thrown;
        this.say(
          'evio does not run: the ranges of this node stay announced in its name until it is asked again.',
        );
      });
      const removed = new Setup(where, record.cniConf, file).undo();
      for (const path of removed) this.print(path);
      this.say('The machine stays in the network: evio leave, evio service uninstall.');
      return { removed };
    } finally {
      release();
    }
  }
}
