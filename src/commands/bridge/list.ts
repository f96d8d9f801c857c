import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class BridgeList extends BaseCommand {
  static override summary = 'list the LANs of this machine that are bridged';
  static override description =
    'Shows for each network which LAN is bridged, whether frames pass, and which other members bridge the same LAN.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --network home --json',
  ];

  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(BridgeList);
    const { ask } = await import('../../core/control/client.js');
    const { bridgesText } = await import('../../views/text/bridges.js');
    const result = await ask(this.home().controlSocket, 'bridges', { network: flags.network });
    this.show(bridgesText(result.bridges));
    return result;
  }
}
