import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Leave extends BaseCommand {
  static override summary = 'leave a network, and forget it on this machine';
  static override description =
    'Tells relays and members, so that its address and name are free at once; stops its node, if it runs, and removes keys, certificate, state and the routes that the network left on this machine. On the machine that made the network this removes its root key too, and asks for --force.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --network home',
  ];
  static override flags = {
    network: networkFlag,
    force: Flags.boolean({
      description: "also on the machine that has the network's root key, which is lost then",
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Leave);
    const { leaveNetwork } = await import('../core/enroll/leave.js');
    const { Store } = await import('../core/config/store.js');
    const { relayErrands } = await import('../core/enroll/errands.js');
    const { stopNode } = await import('../cli/stop-node.js');
    const home = this.home();
    const { forgetNames } = await import('../cli/forget-names.js');
    await forgetNames(home);
    const left = await leaveNetwork(
      new Store(home),
      flags.network,
      (id) => stopNode(home, id, 'leave'),
      relayErrands(await this.env(), this.agent()),
      flags.force,
    );
    const { forgetRoutes } = await import('../core/tap/machine-routes.js');
    const { disconnectLan } = await import('../core/tap/lan-link.js');
    disconnectLan(left.id);
    const { clearExit } = await import('../core/tap/exit-routes.js');
    clearExit(left.id);
    for (const line of forgetRoutes(left.id)) this.say(`Not all is undone: ${line}.`);
    this.say(`Left the network ${left.name} (${left.id}).`);
    if (!left.told)
      this.say('No relay could be told: the others remember this machine, and its address, for 90 days.');
    return { left: left.id };
  }
}
