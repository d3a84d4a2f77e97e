// The way in: account, sign-in, codes, a forgotten password.

export const enter = {
  promise: "Be there while it happens.",
  promiseText: "Go live from any browser, talk with friends, keep what you like. Messages are passed on, not kept.",
};

export const signUp = {
  title: "Create an account",
  intro: "Six things, then you are in.",
  submit: "Create account",
  name: "Name",
  username: "Username",
  email: "Email",
  phone: "Phone",
  phoneHint: "With country code",
  birthDate: "Date of birth",
  birthHint: "You must be 18 or older",
  password: "Password",
  passwordHint: "At least 10 characters; a sentence is good",
  agree: "I have read and accept the",
  mustAgree: "Please accept the terms and the privacy policy",
  haveOne: "Already have an account?",
};

export const signIn = {
  title: "Sign in",
  intro: "Good to see you again.",
  submit: "Sign in",
  login: "Username, email or phone",
  forgot: "Forgot your password?",
  factor: "Code of your app",
  factorHint: "Or one of your recovery codes",
  none: "New here?",
};

export const forgot = {
  title: "New password",
  intro: "We send a code to the mail address or the phone of your account.",
  send: "Send a code",
  sent: "If there is such an account, a code is on its way.",
  newPassword: "New password",
  set: "Set the password",
  done: "Your password is new. Sign in with it.",
};

export const verify = {
  title: "Confirm that it is you",
  intro: "Two codes are on their way: one by text message, one by mail.",
  phone: "Phone",
  email: "Email",
  sentTo: (target) => (target ? `Sent to ${target}` : "Sent"),
  code: "Six-digit code",
  confirm: "Confirm",
  confirmed: "Confirmed",
  again: "Send it again",
  sentAgain: "A new code is on its way.",
  done: "All set. Welcome!",
  found: "Whoever finds you by your number and has it in their contacts is told that you are here once you confirm it.",
  outbox: "This server has no mail or text-message sender set up yet. It writes the codes into outbox.jsonl in its data directory.",
};
