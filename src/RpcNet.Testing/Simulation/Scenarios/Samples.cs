namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>Measured values by name, gathered over seeds. Not thread-safe; merge the samples of parallel runs.</summary>
public sealed class Samples
{
    private readonly SortedDictionary<string, List<double>> _values = new(StringComparer.Ordinal);
    private readonly List<string> _notes = [];

    /// <summary>Things worth reading, such as broken invariants.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>The xor of all trace hashes: the same for the same seeds, whatever the order.</summary>
    public ulong TraceHash { get; private set; }

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
