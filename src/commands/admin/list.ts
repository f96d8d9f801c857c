import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class AdminList extends BaseCommand {
  static override summary = 'list the admins of the network';
  static override description =
    'Rank 1 was named by the root key, rank 2 by an admin of rank 1, and so on: an admin is ended by those of a lower rank and by its equals. Before the first change the list is empty: the machine that made the network is named with it.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(AdminList);
    const { storedNetwork } = await import('../../core/enroll/amend.js');
    const { Store } = await import('../../core/config/store.js');
    const { adminsText } = await import('../../views/text/network.js');
    const store = new Store(this.home());
    const { self, ledger, members } = storedNetwork(store, store.pick(flags.network), Date.now());
    const names = new Map(members.map(({ idText, name }) => [idText, name]));
    names.set(self.idText, self.certificate.name);
    const admins = ledger.standing.admins.map(({ idText, rank }) => ({
      id: idText,
      name: names.get(idText) ?? null,
      rank,
      self: idText === self.idText,
    }));
    this.show(adminsText(admins));
    return { admins };
  }
}
