import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class NetworkSet extends BaseCommand {
  static override summary = 'change the name or the MTU of the network, or who lets machines in';
  static override description =
    'On an admin machine. The change is signed and spread to all members; each of them makes its interface anew, which takes a moment. With admit=N whoever joins from then on waits until N admins have let it in, by whatever token it comes; it takes the root key, so that no single admin can undo it. admit=0 ends that.';

  static override examples = [
    '<%= config.bin %> <%= command.id %> mtu=1300',
    '<%= config.bin %> <%= command.id %> name factory',
    '<%= config.bin %> <%= command.id %> admit=2',
  ];
  static override args = {
    fact: Args.string({ required: true, description: 'KEY=VALUE: mtu=NUMBER, name=NAME or admit=NUMBER' }),
    value: Args.string({ description: 'the value, where the word before is the key alone' }),
  };
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NetworkSet);
    const { amendHere } = await import('../../cli/amend.js');
    const { factOf } = await import('../../cli/network-fact.js');
    const { networkAsStored } = await import('../../core/enroll/amend.js');
    const { Store } = await import('../../core/config/store.js');
    const order = factOf(args.fact, args.value);
    const done = await amendHere(this.home(), flags.network, order, await this.env());
    const network = networkAsStored(new Store(this.home()), done.networkId, Date.now());
    this.say(
      `The network has ${[args.fact, ...(args.value === undefined ? [] : [args.value])].join('=')} now.`,
    );
    await this.sayNotes(done);
    return { network };
  }
}
