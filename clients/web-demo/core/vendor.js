// Modules of other makers, at the address of this build; loaded when first needed.
const build = document.documentElement.dataset.build;

export const vendor = (name) => import(`/vendor/${build}/${name}`);
