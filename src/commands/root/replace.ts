import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class RootReplace extends BaseCommand {
  static override summary = "replace the network's root key by a new one";
  static override description =
    'On the machine with the root key. The old key signs the new one; members and relays follow by themselves, also those that are away now. Whoever has the old key, in a file or on another machine, can do nothing by it any more. Members stay, and renew their certificates by themselves. Tokens that this machine made with the old key go on admitting until they expire; those made with it elsewhere admit nobody.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --revoke-tokens',
  ];
  static override flags = {
    network: networkFlag,
    'revoke-tokens': Flags.boolean({ description: 'tokens of the old key admit nobody any more' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RootReplace);
    const { Store } = await import('../../core/config/store.js');
    const { replaceRootKey } = await import('../../core/enroll/root-key.js');
    const { amendHere, notesOf } = await import('../../cli/amend.js');
    const home = this.home();
    const store = new Store(home);
    const network = store.pick(flags.network);
    const env = await this.env();
    const { key, serial, notes } = await replaceRootKey(
      store,
      network,
      flags['revoke-tokens'],
      async (order) => {
        const done = await amendHere(home, network, order, env);
        return { serial: done.serial, notes: await notesOf(home, done) };
      },
      env,
    );
    this.say(`The network has another root key. Keep it safe: evio root export --out FILE`);
    for (const note of notes) this.say(note);
    return { network, key, serial };
  }
}
