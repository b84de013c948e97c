using System.Diagnostics;

namespace RpcNet.LoadTest.Reports;

/// <summary>Says on standard error what runs and how long the rest takes: one changing line on a terminal, else a line a step.</summary>
internal sealed class Progress
{
    private readonly bool _isTerminal = !Console.IsErrorRedirected;
    private readonly long _started = Stopwatch.GetTimestamp();
    private int _total;
    private int _done;

    public void Start(int steps) => _total = steps;

    /// <summary>A step begins.</summary>
    public void Step(string text, int weight = 1)
    {
        var elapsed = Stopwatch.GetElapsedTime(_started);
        var rest = _done == 0 ? "" : $", {Rest(elapsed * ((double)(_total - _done) / _done))} left";
        var line = $"[{_done}/{_total}{rest}] {text}";
        _done += weight;
        if (_isTerminal)
        {
            Console.Error.Write($"\r{line}\u001b[K");
        }
        else
        {
            Console.Error.WriteLine(line);
        }
    }

    public void Finish()
    {
        if (_isTerminal)
        {
            Console.Error.Write("\r\u001b[K");
        }
    }

    private static string Rest(TimeSpan time) => time.TotalSeconds < 90 ? $"{time.TotalSeconds:0} s" : $"{time.TotalMinutes:0} min";
}
