mod bytes;
mod errors;
mod export;
mod fixtures;
mod prompts;
mod special;
mod stream;
