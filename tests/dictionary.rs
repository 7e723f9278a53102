//! The dictionary in docs/ is made from the schemas and stays what they say.
use super::support::command::golden;
use kangyang::contract::{Contract, dictionary};
use kangyang::tree::Tree;

#[test]
fn the_dictionary_of_events_says_what_the_schemas_say() {
    let schemas = Tree::schemas(None).expect("the schemas are compiled in");
    let contract = Contract::compile(&schemas).expect("the schemas compile");
    golden("../docs/events.md", &dictionary(&contract));
}
