import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class ExitWithdraw extends BaseCommand {
  static override summary = 'offer this machine as a way out no more';
  static override description =
    'Takes back what "evio exit announce" did. Members that use this machine send nothing to the outside until they use another, or none.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --network home',
  ];

  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(ExitWithdraw);
    const { ask } = await import('../../core/control/client.js');
    const { exitText } = await import('../../views/text/exit.js');
    const { network } = flags;
    const report = await ask(this.home().controlSocket, 'exitSet', { network, announced: false });
    this.show(exitText(report));
    return report;
  }
}
