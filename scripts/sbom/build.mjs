/**
 * Writes bills of materials: build/evio-linux-ARCH.cdx.json of the program, build/evio-deb-ARCH.cdx.json of
 * the Debian package, build/evio-oci-ARCH.cdx.json of the image. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { architectures } from '../binary/parts.mjs';
import { bills, billText, outFolder } from './parts.mjs';

mkdirSync(outFolder, { recursive: true });
for (const arch of architectures) {
  const { program, debianPackage, image } = await bills(arch);
  for (const [kind, bill] of Object.entries({ linux: program, deb: debianPackage, oci: image })) {
    const file = join(outFolder, `evio-${kind}-${arch}.cdx.json`);
    writeFileSync(file, billText(bill));
    console.log(`${file}  ${bill.components.length} components`);
  }
}
