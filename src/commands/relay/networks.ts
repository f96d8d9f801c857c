import { BaseCommand } from '../../cli/base.js';

export default class RelayNetworks extends BaseCommand {
  static override summary = 'list the networks that the relay on this machine knows';
  static override description =
    'Asks the relay that runs with this state folder, or reads its state when none runs. A network that was let in is served by a closed relay; the others are served only while it is open, or names them with --allow.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  async run(): Promise<object> {
    await this.parse(RelayNetworks);
    const { relayNetworks } = await import('../../cli/relay-desk.js');
    const { relayNetworksText } = await import('../../views/text/relay-networks.js');
    const networks = await relayNetworks(this.relayHome(), await this.env());
    this.print(relayNetworksText(networks));
    return { networks };
  }
}
