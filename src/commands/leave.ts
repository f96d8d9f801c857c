import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Leave extends BaseCommand {
  static override summary = 'forget a network on this machine';
  static override description =
    'Stops its node, if it runs, and removes keys, certificate and state. On the machine that made the network this removes its root key too: nobody can invite to it afterwards.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --network home',
  ];
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(Leave);
    const { leaveNetwork } = await import('../core/enroll/leave.js');
    const { Store } = await import('../core/config/store.js');
    const { stopNode } = await import('../cli/stop-node.js');
    const home = this.home();
    const left = await leaveNetwork(new Store(home), flags.network, (id) => stopNode(home, id));
    this.say(`Left the network ${left.name} (${left.id}).`);
    return { left: left.id };
  }
}
