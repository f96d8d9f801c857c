import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base.js';
import { networkFlag } from '../../../cli/flags.js';

export default class NetworkRelayAdd extends BaseCommand {
  static override summary = 'give the network one more relay, or a relay its new key';
  static override description =
    'On an admin machine. The relay must answer; it is named to all members, which use it from then on. A relay of the same address is replaced: nobody has to join again when a relay lost its key.';

  static override examples = ['<%= config.bin %> <%= command.id %> evio://relay.example:3478#KEY'];
  static override args = {
    url: Args.string({
      required: true,
      description: 'URL that the relay printed, or HOST:PORT of an open relay',
    }),
  };
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NetworkRelayAdd);
    const { amendHere } = await import('../../../cli/amend.js');
    const { introduceRelay, networkAsStored } = await import('../../../core/enroll/amend.js');
    const { relayErrands } = await import('../../../core/enroll/errands.js');
    const { shownRelay } = await import('../../../core/lib/relay-address.js');
    const { Store } = await import('../../../core/config/store.js');
    const env = await this.env();
    const store = new Store(this.home());
    const networkId = store.pick(flags.network);
    const { addRelay, bring, undo } = await introduceRelay(
      store,
      networkId,
      args.url,
      relayErrands(env, this.agent()),
      env,
    );
    const done = await amendHere(this.home(), networkId, { do: 'facts', addRelay }, env);
    try {
      await bring?.();
    } catch (thrown) {
      // It would be one that refuses everybody.
      await amendHere(this.home(), networkId, undo, env).catch(() => undefined); // what failed is told below
      throw thrown;
    }
    this.say(`The network uses the relay ${shownRelay(addRelay.address)} now.`);
    await this.sayNotes(done);
    return { network: networkAsStored(new Store(this.home()), networkId, Date.now()) };
  }
}
