<?php
// Verifies forms as Paddle Classic's documentation shows it. Reads the public
// key, then the forms, each in base64 on a line of its own, and answers each
// with what openssl_verify does.
error_reporting(E_ALL);

$publicKey = openssl_get_publickey(base64_decode(fgets(STDIN)));

while (($line = fgets(STDIN)) !== false) {
    parse_str(base64_decode($line), $fields);

    $signature = base64_decode($fields['p_signature']);
    unset($fields['p_signature']);
    ksort($fields);

    foreach ($fields as $name => $value) {
        if (!in_array(gettype($value), ['object', 'array'])) {
            $fields[$name] = "$value";
        }
    }

    echo openssl_verify(serialize($fields), $signature, $publicKey, OPENSSL_ALGO_SHA1), "\n";
}
