import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base.js';

export default class RelayAllow extends BaseCommand {
  static override summary = 'let a network in at the relay on this machine';
  static override description =
    'For good, unlike --allow of "evio relay", and also while the relay runs. A network that is yet to be made needs "evio relay invite" instead.';
  static override examples = ['<%= config.bin %> <%= command.id %> 0123456789abcdef'];
  static override args = { network: Args.string({ description: 'id of the network', required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(RelayAllow);
    const { changeNetwork } = await import('../../cli/relay-desk.js');
    const network = await changeNetwork(this.relayHome(), await this.env(), 'allow', args.network);
    this.say(`The relay serves the network ${network.id}.`);
    return { network };
  }
}
