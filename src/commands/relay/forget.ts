import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base.js';

export default class RelayForget extends BaseCommand {
  static override summary = 'have the relay on this machine forget a network';
  static override description =
    'Its members are disconnected at once and, unless the relay is open, not served again. Which addresses they hold and how often invites were used is forgotten, too.';
  static override examples = ['<%= config.bin %> <%= command.id %> 0123456789abcdef'];
  static override args = { network: Args.string({ description: 'id of the network', required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(RelayForget);
    const { changeNetwork } = await import('../../cli/relay-desk.js');
    const network = await changeNetwork(this.relayHome(), await this.env(), 'forget', args.network);
    this.say(`Forgot the network ${network.id} with ${network.members} members.`);
    return { forgotten: network.id };
  }
}
