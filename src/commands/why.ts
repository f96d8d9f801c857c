import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Why extends BaseCommand {
  static override summary = 'explain the path to a peer';
  static override description =
    'Shows the addresses that were tried on both sides, what happened in which order, and what would make the path direct.';

  static override examples = [
    '<%= config.bin %> <%= command.id %> web-1',
    '<%= config.bin %> <%= command.id %> 10.144.0.7 --json',
  ];
  static override args = {
    peer: Args.string({ required: true, description: 'name, address, or the beginning of the id' }),
  };
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Why);
    const { ask } = await import('../core/control/client.js');
    const { whyText } = await import('../views/text/why.js');
    const result = await ask(this.home().controlSocket, 'why', { network: flags.network, peer: args.peer });
    this.print(whyText({ ...result, peer: args.peer }));
    return result;
  }
}
