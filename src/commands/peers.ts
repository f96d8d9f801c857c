import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Peers extends BaseCommand {
  static override summary = 'list the machines this node knows, and those that were revoked';
  static override description =
    'One line per peer: whether it is connected, by which path (direct, webrtc, relay or overlay), its round trip and traffic, and what this node keeps a link to it for (successor, predecessor, long, on-demand or static).';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --network home --json',
  ];
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(Peers);
    const { ask } = await import('../core/control/client.js');
    const { peersText } = await import('../views/text/status.js');
    const result = await ask(this.home().controlSocket, 'peers', { network: flags.network });
    this.show(peersText(result.peers, result.revoked, result.self));
    return result;
  }
}
