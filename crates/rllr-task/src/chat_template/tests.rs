use wasm_bindgen_test::wasm_bindgen_test;

use super::{ChatTemplate, ChatTemplateError, Ending, Message, PrefixCheck, SpecialTokens};

/// The template of the `ChatML` family.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// In the manner of Llama 2 and Mistral: no roles, refusal of wrong orders, the special tokens.
const INST: &str = "{{ bos_token }}{% for message in messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{ raise_exception('roles must alternate user/assistant') }}
{% endif %}
{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'].strip() + ' [/INST]' }}
{%- else %}{{ ' ' + message['content'].strip() + eos_token }}{% endif %}
{% endfor %}";

fn template(source: &str) -> ChatTemplate {
    let tokens = SpecialTokens {
        bos: "<s>".to_owned(),
        eos: "</s>".to_owned(),
    };
    ChatTemplate::new(source, tokens).expect("a valid template")
}

fn user(content: &str) -> Vec<Message> {
    vec![Message::new("user", content)]
}

#[wasm_bindgen_test(unsupported = test)]
fn messages_become_the_text_that_the_model_knows() {
    let rendered = template(CHATML).render(&user("Hi"), Ending::AwaitsAnswer);
    assert_eq!(
        rendered.as_deref(),
        Ok("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"),
        "ChatML"
    );
    let mut talk = user(" Hi ");
    talk.push(Message::new("assistant", "Hello "));
    let rendered = template(INST).render(&talk, Ending::Complete);
    assert_eq!(
        rendered.as_deref(),
        Ok("<s>[INST] Hi [/INST] Hello</s>"),
        "[INST]"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn the_answer_continues_the_prompt() {
    let check = template(CHATML).check_prefix(&user("Hi"), "Hello");
    let preserved = PrefixCheck::Preserved {
        prompt: "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n".to_owned(),
        response: "Hello<|im_end|>\n".to_owned(),
    };
    assert_eq!(check, Ok(preserved), "ChatML keeps the prompt");
}

#[wasm_bindgen_test(unsupported = test)]
fn a_template_that_changes_the_prompt_is_found_out() {
    // Marks the last message, so that the prompt reads differently once there is an answer.
    let source = "{% for m in messages %}{% if loop.last %}LAST {% endif %}{{ m.content }}\n{% endfor %}";
    let check = template(source).check_prefix(&user("Hi"), "Hello");
    let broken = PrefixCheck::Broken {
        shared_bytes: 0,
        prompt: "LAST Hi\n".to_owned(),
        whole: "Hi\nLAST Hello\n".to_owned(),
    };
    assert_eq!(check, Ok(broken), "the texts part at the first byte");
    // `Ending::Complete` is a prefix too, but the prompt for generation says more than the answer does.
    let source =
        "{% for m in messages %}{{ m.content }};{% endfor %}{% if add_generation_prompt %}é>{% endif %}";
    let check = template(source).check_prefix(&user("Hi"), "èHello");
    let broken = PrefixCheck::Broken {
        shared_bytes: 3,
        prompt: "é>".to_owned(),
        whole: "èHello;".to_owned(),
    };
    assert_eq!(check, Ok(broken), "characters are not cut in two");
}

#[wasm_bindgen_test(unsupported = test)]
fn refusals_and_missing_functions_are_told() {
    let check = |source: &str, messages: &[Message], part: &str| {
        let error = template(source)
            .render(messages, Ending::Complete)
            .expect_err("it fails")
            .to_string();
        assert!(error.contains(part), "{error}");
    };
    check(
        INST,
        &[Message::new("assistant", "Hi")],
        "roles must alternate user/assistant",
    );
    check(
        "{{ strftime_now('%d %b %Y') }}",
        &user("Hi"),
        "strftime_now is not there",
    );
    check(
        "{{ messages[0].content.foo.bar }}",
        &user("Hi"),
        "undefined value",
    );
    check(
        "{% for i in range(10000) %}{% for j in range(10000) %}x{% endfor %}{% endfor %}",
        &user("Hi"),
        "fuel",
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn broken_templates_are_refused_when_they_are_read() {
    for source in ["{% for %}", "{{ messages", "{% if x %}", "{% generation %}"] {
        let error = ChatTemplate::new(source, SpecialTokens::default()).expect_err("it is broken");
        assert!(matches!(error, ChatTemplateError::Syntax(_)), "{source}: {error}");
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn the_helpers_of_transformers_are_known() {
    let check = |source: &str, expected: &str| {
        let rendered = template(source).render(&user("a,b"), Ending::Complete);
        assert_eq!(rendered.as_deref(), Ok(expected), "{source}");
    };
    check("{{ messages[0].content.split(',')[1].upper() }}", "B");
    check(
        "{% for k, v in messages[0].items() %}{{ k }}={{ v }};{% endfor %}",
        "role=user;content=a,b;",
    );
    check("{{ messages[0].content | tojson }}", "\"a,b\"");
    check(
        "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
        "1",
    );
    check(
        "{% for x in [1, 2, 3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}",
        "1",
    );
    check(
        "{% if tools is defined and tools %}T{% endif %}-{{ messages[1:] | length }}",
        "-0",
    );
    check("  {%- generation -%} x {%- endgeneration %} y", "x y");
    check(
        "{% macro say(x) %}<{{ x }}>{% endmacro %}{{ say(bos_token) }}",
        "<<s>>",
    );
}
