namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>Measured values by name, gathered over seeds. Not thread-safe; merge the samples of parallel runs.</summary>
public sealed class Samples
{
    private readonly SortedDictionary<string, List<double>> _values = new(StringComparer.Ordinal);
    private readonly List<string> _notes = [];

    /// <summary>Things worth reading, such as broken invariants.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>All values by name.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<double>> Values =>
        _values.ToDictionary(static v => v.Key, static v => (IReadOnlyList<double>)v.Value, StringComparer.Ordinal);

    /// <summary>The xor of all trace hashes: the same for the same seeds, whatever the order.</summary>
    public ulong TraceHash { get; private set; }

    /// <summary>Samples measured before, as <see cref="Values"/>, <see cref="TraceHash"/> and <see cref="Notes"/> gave them.</summary>
    public static Samples From(IReadOnlyDictionary<string, double[]> values, ulong traceHash, IEnumerable<string> notes)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(notes);
        var samples = new Samples { TraceHash = traceHash };
        foreach (var (name, list) in values)
        {
            samples._values.Add(name, [.. list]);
        }

        foreach (var note in notes)
        {
            samples.Note(note);
        }

        return samples;
    }

    /// <summary>Adds a value.</summary>
    public void Add(string name, double value)
    {
        if (!_values.TryGetValue(name, out var list))
        {
            _values[name] = list = [];
        }

        list.Add(value);
    }

    /// <summary>Adds a trace hash.</summary>
    public void Add(string name, ulong hash) => TraceHash ^= hash;

    /// <summary>Adds a remark; only the first 50 are kept.</summary>
    public void Note(string note)
    {
        if (_notes.Count < 50)
        {
            _notes.Add(note);
        }
    }

    /// <summary>Takes over all values of another run.</summary>
    public void Merge(Samples other)
    {
        foreach (var (name, values) in other._values)
        {
            foreach (var value in values)
            {
                Add(name, value);
            }
        }

        TraceHash ^= other.TraceHash;
        foreach (var note in other._notes)
        {
            Note(note);
        }
    }

    /// <summary>The number of values.</summary>
    public int Count(string name) => _values.TryGetValue(name, out var list) ? list.Count : 0;

    /// <summary>The sum, 0 without values.</summary>
    public double Sum(string name) => _values.TryGetValue(name, out var list) ? list.Sum() : 0;

    /// <summary>The mean, not a number without values.</summary>
    public double Mean(string name) => _values.TryGetValue(name, out var list) ? list.Average() : double.NaN;

    /// <summary>The greatest value, not a number without values.</summary>
    public double Max(string name) => _values.TryGetValue(name, out var list) ? list.Max() : double.NaN;

    /// <summary>The percentile (0 … 1) by the nearest rank, not a number without values.</summary>
    public double Percentile(string name, double share)
    {
        if (!_values.TryGetValue(name, out var list))
        {
            return double.NaN;
        }

        list.Sort();
        return list[Math.Clamp((int)Math.Ceiling(share * list.Count) - 1, 0, list.Count - 1)];
    }
}
