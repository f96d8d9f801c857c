import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base.js';
import { networkFlag } from '../../../cli/flags.js';

export default class NetworkRelayRemove extends BaseCommand {
  static override summary = 'have the network use a relay no more';
  static override description =
    'On an admin machine. Members stop to use it once they hear of it. Receipts that it gave go on counting.';

  static override examples = ['<%= config.bin %> <%= command.id %> relay.example:3478'];
  static override args = {
    url: Args.string({
      required: true,
      description: 'its URL, with the key or without, or HOST:PORT (see "evio network relay list")',
    }),
  };
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NetworkRelayRemove);
    const { amendHere } = await import('../../../cli/amend.js');
    const { networkAsStored } = await import('../../../core/enroll/amend.js');
    const { shownRelay } = await import('../../../core/lib/relay-address.js');
    const { formatRelayAddress, parseRelayUrl } = await import('../../../core/relays/net/relay-url.js');
    const { Store } = await import('../../../core/config/store.js');
    const removeRelay = formatRelayAddress(parseRelayUrl(args.url));
    const done = await amendHere(this.home(), flags.network, { do: 'facts', removeRelay }, await this.env());
    this.say(`The network does not use the relay ${shownRelay(removeRelay)} any more.`);
    await this.sayNotes(done);
    return { network: networkAsStored(new Store(this.home()), done.networkId, Date.now()) };
  }
}
