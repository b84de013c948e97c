using System.Diagnostics.Metrics;
using System.Globalization;

namespace RpcNet.ClusterNode;

/// <summary>Prints the counters of the membership meter as "ID stats NAME=VALUE ...".</summary>
internal static class Metrics
{
    public static void Print()
    {
        var values = new SortedDictionary<string, SortedDictionary<string, double>>(StringComparer.Ordinal);
        using var listener = new MeterListener();
        listener.InstrumentPublished = static (instrument, l) =>
        {
            if (instrument.Meter.Name == "RpcNet.Cluster")
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((i, v, tags, _) => Add(i, v, tags));
        listener.SetMeasurementEventCallback<long>((i, v, tags, _) => Add(i, v, tags));
        listener.SetMeasurementEventCallback<int>((i, v, tags, _) => Add(i, v, tags));
        listener.Start();
        listener.RecordObservableInstruments();
        foreach (var (node, counters) in values)
        {
            Output.Write($"{node} stats {string.Join(' ', counters.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Key}={c.Value:0.###}")))}");
        }

        void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var (node, suffix) = ("", "");
            foreach (var (key, text) in tags)
            {
                if (key == "rpcnet.node")
                {
                    node = (string)text!;
                }
                else
                {
                    suffix += $":{text}";
                }
            }

            if (!values.TryGetValue(node, out var counters))
            {
                values[node] = counters = new SortedDictionary<string, double>(StringComparer.Ordinal);
            }

            counters[instrument.Name["rpcnet.cluster.".Length..] + suffix] = value;
        }
    }
}
