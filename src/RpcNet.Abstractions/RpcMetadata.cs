using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace RpcNet;

/// <summary>
/// Key-value pairs that travel beside a call. Keys are lower-case ASCII (a–z, 0–9, '-', '_', '.'); values are text, or
/// bytes where the key ends in "-bin". Order is kept, keys may repeat. Not safe for concurrent writes.
/// </summary>
public sealed class RpcMetadata : IReadOnlyCollection<KeyValuePair<string, RpcMetadataValue>>
{
    private readonly List<KeyValuePair<string, RpcMetadataValue>> _entries;
    private readonly bool _frozen;

    /// <summary>Creates an empty collection.</summary>
    public RpcMetadata()
        : this(frozen: false)
    {
    }

    private RpcMetadata(bool frozen)
    {
        _entries = [];
        _frozen = frozen;
    }

    /// <summary>The empty collection; adding to it throws.</summary>
    public static RpcMetadata Empty { get; } = new(frozen: true);

    /// <inheritdoc/>
    public int Count => _entries.Count;

    /// <summary>The first text value of a key, or null.</summary>
    public string? this[string key] => TryGet(key, out var value) ? value.Text : null;

    /// <summary>Appends a text value.</summary>
    /// <exception cref="ArgumentException">The key is malformed or ends in "-bin".</exception>
    public void Add(string key, string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        Add(key, new RpcMetadataValue(value));
    }

    /// <summary>Appends a binary value; the key must end in "-bin".</summary>
    /// <exception cref="ArgumentException">The key is malformed or does not end in "-bin".</exception>
    public void Add(string key, ReadOnlyMemory<byte> value) => Add(key, new RpcMetadataValue(value));

    /// <summary>Finds the first value of a key.</summary>
    public bool TryGet(string key, [MaybeNullWhen(false)] out RpcMetadataValue value)
    {
        foreach (var entry in _entries)
        {
            if (entry.Key == key)
            {
                value = entry.Value;
                return true;
            }
        }

        value = default;
        return false;
    }

    /// <summary>The size that counts against limits: bytes of keys and values plus 8 for each entry.</summary>
    public int GetByteCount()
    {
        var total = 0;
        foreach (var (key, value) in _entries)
        {
            total += key.Length + value.ByteCount + 8;
        }

        return total;
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, RpcMetadataValue>> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private void Add(string key, RpcMetadataValue value)
    {
        if (_frozen)
        {
            throw new InvalidOperationException("RpcMetadata.Empty cannot be changed; create a new RpcMetadata.");
        }

        ArgumentException.ThrowIfNullOrEmpty(key);
        foreach (var c in key)
        {
            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c is not ('-' or '_' or '.'))
            {
                throw new ArgumentException($"'{key}' is no metadata key: only a-z, 0-9, '-', '_' and '.' are allowed.", nameof(key));
            }
        }

        if (key.EndsWith("-bin", StringComparison.Ordinal) != value.IsBinary)
        {
            throw new ArgumentException($"'{key}': binary values, and only they, have keys that end in \"-bin\".", nameof(key));
        }

        _entries.Add(new(key, value));
    }
}

/// <summary>One metadata value: text or bytes.</summary>
public readonly struct RpcMetadataValue
{
    private readonly ReadOnlyMemory<byte> _bytes;

    /// <summary>A text value.</summary>
    public RpcMetadataValue(string text) => Text = text;

    /// <summary>A binary value.</summary>
    public RpcMetadataValue(ReadOnlyMemory<byte> bytes) => _bytes = bytes;

    /// <summary>The text, or null for a binary value.</summary>
    public string? Text { get; }

    /// <summary>The bytes; empty for a text value.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes;

    /// <summary>Whether the value is binary.</summary>
    public bool IsBinary => Text is null;

    /// <summary>The size in bytes, text as UTF-8.</summary>
    public int ByteCount => Text is { } text ? Encoding.UTF8.GetByteCount(text) : _bytes.Length;

    /// <inheritdoc/>
    public override string ToString() => Text ?? Convert.ToBase64String(_bytes.Span);
}
