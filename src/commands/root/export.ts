import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';
import { passphraseFlag } from '../../cli/passphrase.js';

export default class RootExport extends BaseCommand {
  static override summary = "write the network's root key to a file, encrypted under a passphrase";
  static override description =
    'On the machine that made the network. Keep the file offline; whoever has it and the passphrase owns the network. With --remove the key is then deleted on this machine, which stays an admin; no node may run here meanwhile. In a network without relays nobody new is admitted while the key is away.';

  static override examples = [
    '<%= config.bin %> <%= command.id %> --out /media/usb/home.root',
    '<%= config.bin %> <%= command.id %> --out home.root --passphrase-file secret.txt --remove',
  ];
  static override flags = {
    network: networkFlag,
    out: Flags.string({ required: true, helpValue: 'FILE', description: 'a file that is not there yet' }),
    'passphrase-file': passphraseFlag,
    remove: Flags.boolean({ description: 'delete the key on this machine when the file is written' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RootExport);
    const { Store } = await import('../../core/config/store.js');
    const { exportRootKey, removeRootKey, settleRootKey } = await import('../../core/enroll/root-key.js');
    const { passphraseFrom } = await import('../../cli/passphrase.js');
    const home = this.home();
    const store = new Store(home);
    const id = store.pick(flags.network);
    if (flags.remove) {
      const { runningNetworks } = await import('../../cli/run-detached.js');
      const { EvioError } = await import('../../core/lib/errors.js');
      if ((await runningNetworks(home)).includes(id))
        throw new EvioError('EVIO_ALREADY_RUNNING', 'The node that runs here has the key in memory.', [
          'Stop it first: evio down',
        ]);
    }
    const env = await this.env();
    await settleRootKey(store, id, env);
    exportRootKey(store, id, flags.out, await passphraseFrom(flags['passphrase-file'], true), env);
    this.say(`The root key is in ${flags.out}.`);
    if (flags.remove) {
      await removeRootKey(store, id, env);
      this.say('It is no more on this machine. Back again: evio root import FILE');
    }
    return { network: id, file: flags.out, removed: flags.remove };
  }
}
