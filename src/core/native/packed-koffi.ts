/**
 * koffi in the program of one file: the build puts this in the place of the package, whose own loader looks for the addon
 * below node_modules. What that loader adds beside is deprecated calls, which evio makes none of.
 */
import { loadAddon } from './packed-addon.js';

export default loadAddon('koffi');
