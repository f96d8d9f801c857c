import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class NetworkShow extends BaseCommand {
  static override summary = 'show the facts of the network, and who was revoked';
  static override description =
    'As this machine knows them: those of the token, and what admins have changed since.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(NetworkShow);
    const { networkAsStored } = await import('../../core/enroll/amend.js');
    const { Store } = await import('../../core/config/store.js');
    const { networkText } = await import('../../views/text/network.js');
    const store = new Store(this.home());
    const network = networkAsStored(store, store.pick(flags.network), Date.now());
    this.show(networkText(network));
    return { network };
  }
}
