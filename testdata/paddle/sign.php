<?php
// Writes signed.json: bodies that PHP reads, signs and verifies as Paddle
// Classic's documentation shows it, with a key that is thrown away.
//
//   php testdata/paddle/sign.php > testdata/paddle/signed.json

$common = [
    'alert_id' => '200001', 'checkout_id' => '5-96c6e4f06e31b16-42', 'currency' => 'EUR', 'email' => 'ann+1@example.com',
    'event_time' => '2026-11-20 09:42:07', 'marketing_consent' => '', 'passthrough' => '{"kanuu":"42","campaign":"spring"}',
    'status' => 'active', 'subscription_id' => '67890', 'subscription_plan_id' => '12345', 'user_id' => '9',
];
$urls = [
    'cancel_url' => 'https://checkout.paddle.com/subscription/cancel?user=9&subscription=67890&hash=3f1e42',
    'update_url' => 'https://checkout.paddle.com/subscription/update?user=9&subscription=67890&hash=a1b2c3',
];
$payment = ['instalments' => '1', 'order_id' => '1-1', 'quantity' => '3', 'subscription_payment_id' => '400', 'unit_price' => '12.00'];

$alerts = [
    'subscription_created' => $common + $urls + [
        'linked_subscriptions' => '4, 6, 3', 'next_bill_date' => '2026-12-20', 'quantity' => '73', 'source' => 'Import', 'unit_price' => '12.00',
    ],
    'subscription_updated' => ['status' => 'past_due'] + $common + $urls + [
        'linked_subscriptions' => '', 'new_price' => '24.00', 'new_quantity' => '2', 'new_unit_price' => '12.00', 'next_bill_date' => '2027-01-01',
        'old_next_bill_date' => '2026-12-01', 'old_price' => '9.95', 'old_quantity' => '1', 'old_status' => 'trialing',
        'old_subscription_plan_id' => '11111', 'old_unit_price' => '9.95',
    ],
    'subscription_cancelled' => ['status' => 'deleted'] + $common + [
        'cancellation_effective_date' => '2026-12-31', 'linked_subscriptions' => '1, 2', 'quantity' => '1', 'unit_price' => '10.00',
    ],
    'subscription_payment_succeeded' => $common + $payment + [
        'balance_currency' => 'USD', 'balance_earnings' => '29.01', 'balance_fee' => '3.07', 'balance_gross' => '40.00', 'balance_tax' => '7.92',
        'country' => 'DE', 'coupon' => '', 'customer_name' => 'Zoë Müller 東京 🛶', 'earnings' => '27.01', 'fee' => '2.87', 'initial_payment' => '1',
        'next_bill_date' => '2026-12-20', 'next_payment_amount' => '36.00', 'payment_method' => 'card', 'payment_tax' => '5.75',
        'plan_name' => 'Pro & More', 'receipt_url' => 'https://my.paddle.com/receipt/1-1/5-96c6e4f06e31b16-42', 'sale_gross' => '36.00',
    ],
    'subscription_payment_failed' => ['status' => 'past_due'] + $common + $urls + $payment + [
        'amount' => '36.00', 'attempt_number' => '1', 'next_retry_date' => '2026-12-23',
    ],
    'subscription_payment_refunded' => $common + $payment + [
        'amount' => '18.50', 'balance_currency' => 'USD', 'balance_earnings_decrease' => '16.01', 'balance_fee_refund' => '1.07',
        'balance_gross_refund' => '20.00', 'balance_tax_refund' => '2.92', 'earnings_decrease' => '15.01', 'fee_refund' => '1.00',
        'gross_refund' => '18.50', 'initial_payment' => '1', 'refund_reason' => 'Not what I wanted', 'refund_type' => 'partial', 'tax_refund' => '2.49',
    ],
];

$bodies = [];
foreach ($alerts as $name => $fields) {
    $bodies[$name] = http_build_query(['alert_name' => $name] + $fields);
}

$bodies += [
    'spaces as %20' => http_build_query($alerts['subscription_created'] + ['alert_name' => 'subscription_created'], '', '&', PHP_QUERY_RFC3986),
    'lower case escapes' => 'alert_id=1&k=%c3%a9%2b%2F',
    'nested' => 'alert_id=2&a[x]=1&a[w]=2&b[c][d][]=3&b[c][d][]=4&b[e]=',
    'list' => 'alert_id=3&tags[]=red&tags[]=blue&alert_name=x',
    'escaped brackets' => 'alert_id=4&a%5Bx%5D=1&tags%5B%5D=red',
    'repeated name' => 'k=1&alert_id=5&k=2&l[x]=1&l[y]=2&l[x]=3',
    'text and array under one name' => 'alert_id=6&a=1&a[x]=2&b[x]=1&b=2',
    'numbers as subscripts' => 'alert_id=7&a[5]=1&a[]=2&a[05]=3&a[-1]=4',
    'numbers as names' => '10=a&9=b&alert_id=8',
    'dots and spaces in names' => 'alert_id=9&a.b=1&c+d=2&+e=3',
    'not sorted' => 'z=1&a_b=2&aB=3&ab=4&alert_id=10&B=5&_=6',
    'values that are empty or missing' => 'alert_id=11&a=&b&=c&&d=',
    'control characters' => 'alert_id=12&k=%00%01%02%0a%0d%09%1f%7f&l=' . "a\tb",
    'no UTF-8' => 'alert_id=13&k=%ff%fe%80&l=%e9',
    'characters of four bytes' => 'alert_id=14&%F0%9F%9B%B6=%F0%9F%9B%B6%F0%9D%84%9E',
    'characters as they are' => "alert_id=15&k=Zoë 🛶'\";:{}",
    'bad escapes' => 'alert_id=16&k=100%&l=%zz&m=%4',
    'long value' => 'alert_id=17&k=' . str_repeat('0123456789', 2000),
    'separator at the end' => 'alert_id=18&k=1&',
    'signature alone' => '',
];

$key = openssl_pkey_new(['private_key_bits' => 4096, 'private_key_type' => OPENSSL_KEYTYPE_RSA]);
$publicKey = openssl_pkey_get_details($key)['key'];

function serialized(string $body): string
{
    parse_str($body, $fields);
    unset($fields['p_signature']);
    ksort($fields);

    foreach ($fields as $name => $value) {
        if (!in_array(gettype($value), ['object', 'array'])) {
            $fields[$name] = "$value";
        }
    }

    return serialize($fields);
}

function verifies(string $body, string $publicKey): bool
{
    parse_str($body, $fields);

    return openssl_verify(serialized($body), base64_decode($fields['p_signature']), $publicKey, OPENSSL_ALGO_SHA1) === 1;
}

$cases = [];
foreach ($bodies as $name => $body) {
    openssl_sign(serialized($body), $signature, $key, OPENSSL_ALGO_SHA1);
    $parameter = 'p_signature=' . urlencode(base64_encode($signature));

    $cases[] = ['name' => $name, 'body' => "$body&$parameter"];

    if ($name === 'nested') {
        $cases[] = ['name' => 'signature first', 'body' => "$parameter&$body"];
        $cases[] = ['name' => 'nested, changed', 'body' => str_replace('[w]=2', '[w]=3', "$body&$parameter")];
        $cases[] = ['name' => 'nested, in another order', 'body' => str_replace('a[x]=1&a[w]=2', 'a[w]=2&a[x]=1', "$body&$parameter")];
        $cases[] = ['name' => 'names in another order', 'body' => str_replace('alert_id=2&', '', "$body&$parameter&alert_id=2")];
        $cases[] = ['name' => 'one field more', 'body' => "$body&$parameter&c="];
    }

    if ($name === 'repeated name') {
        $cases[] = ['name' => 'another value wins', 'body' => "k=2&k=1&alert_id=5&l[x]=1&l[y]=2&l[x]=3&$parameter"];
    }
}

// Bodies can have bytes that JSON cannot.
foreach ($cases as &$case) {
    $case['valid'] = verifies($case['body'], $publicKey);
    $case['body'] = preg_replace_callback('/[^\x20-\x7e]/', fn ($byte) => rawurlencode($byte[0]), $case['body']);
    $case['valid'] === verifies($case['body'], $publicKey) || die("not the same: {$case['name']}");
}

echo json_encode(['public_key' => $publicKey, 'cases' => $cases], JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES), "\n";
