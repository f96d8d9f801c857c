import { BaseCommand } from '../../../cli/base.js';
import { networkFlag } from '../../../cli/flags.js';

export default class NetworkRelayList extends BaseCommand {
  static override summary = 'list the relays of the network';
  static override description =
    'As this machine knows them: those of the token, and what admins have changed since. evio status tells which of them answer.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(NetworkRelayList);
    const { networkAsStored } = await import('../../../core/enroll/amend.js');
    const { shownRelay } = await import('../../../core/lib/relay-address.js');
    const { Store } = await import('../../../core/config/store.js');
    const store = new Store(this.home());
    const { id, name, relays } = networkAsStored(store, store.pick(flags.network), Date.now());
    if (relays.length > 0) this.print(relays.map(shownRelay).join('\n'));
    else this.say(`The network ${name} has no relay. Give it one with: evio network relay add URL`);
    return { network: { id, name }, relays };
  }
}
