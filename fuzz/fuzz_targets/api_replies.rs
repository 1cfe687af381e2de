#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nuncio_proto::fuzzing::api_replies(data));
