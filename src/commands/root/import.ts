import { readFileSync } from 'node:fs';
import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';
import { passphraseFlag } from '../../cli/passphrase.js';

export default class RootImport extends BaseCommand {
  static override summary = "put the network's root key back on this machine";
  static override description =
    'From a file that evio root export wrote. It must be the key of this network that counts. A node that runs here goes by it after "evio upgrade".';

  static override examples = ['<%= config.bin %> <%= command.id %> /media/usb/home.root'];
  static override args = { file: Args.string({ required: true, description: 'the file' }) };
  static override flags = { network: networkFlag, 'passphrase-file': passphraseFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RootImport);
    const { Store } = await import('../../core/config/store.js');
    const { importRootKey } = await import('../../core/enroll/root-key.js');
    const { storageError } = await import('../../core/disk/storage-error.js');
    const { passphraseFrom } = await import('../../cli/passphrase.js');
    const store = new Store(this.home());
    const id = store.pick(flags.network);
    let text: string;
    try {
      text = readFileSync(args.file, 'utf8');
    } catch (thrown) {
      throw storageError(args.file, thrown);
    }
    const passphrase = (): Promise<string> => passphraseFrom(flags['passphrase-file'], false);
    await importRootKey(store, id, text, passphrase, await this.env());
    this.say('The root key is on this machine.');
    const { runningNetworks } = await import('../../cli/run-detached.js');
    if ((await runningNetworks(this.home())).includes(id))
      this.say('The node that runs here goes by it after: evio upgrade');
    return { network: id, imported: true };
  }
}
