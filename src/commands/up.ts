import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Up extends BaseCommand {
  static override summary = 'take up networks of this machine in the node that runs';
  static override description =
    'Starts what "evio down --network" stopped, or what was joined with --no-start; the networks that run are not touched. With --network only that one.';
  static override examples = [
    'sudo <%= config.bin %> <%= command.id %>',
    'sudo <%= config.bin %> <%= command.id %> --network work',
  ];
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(Up);
    const { takeUp } = await import('../cli/take-up.js');
    const result = await takeUp(this.home(), flags.network);
    const { length } = result.started;
    this.say(
      length === 0 ? 'Everything runs already.' : length === 1 ? 'Started.' : `Started ${length} networks.`,
    );
    return result;
  }
}
