import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class DnsStatus extends BaseCommand {
  static override summary = 'how the names of members are found on this machine';
  static override description =
    'Shows the domain of the network, the way by which programs of this machine find its names, where the responder listens, and what it was asked.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --network home --json',
  ];

  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(DnsStatus);
    const { ask } = await import('../../core/control/client.js');
    const { namesText } = await import('../../views/text/names.js');
    const result = await ask(this.home().controlSocket, 'names', { network: flags.network });
    this.show(namesText(result));
    return result;
  }
}
