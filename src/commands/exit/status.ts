import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class ExitStatus extends BaseCommand {
  static override summary = 'by which member all traffic of this machine goes, and who offers that';
  static override description =
    'Shows the member that "evio exit use" named and whether it is reached, and the members that offer a way out.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --network home --json',
  ];

  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(ExitStatus);
    const { ask } = await import('../../core/control/client.js');
    const { exitText } = await import('../../views/text/exit.js');
    const report = await ask(this.home().controlSocket, 'exit', { network: flags.network });
    this.show(exitText(report));
    return report;
  }
}
