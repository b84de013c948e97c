namespace RpcNet.Generators.Emit;

/// <summary>Writes the module initializer that registers shape providers.</summary>
internal static class ShapeWriter
{
    public static string Write(IEnumerable<string> providers)
    {
        var code = Names.StartFile();
        code.Line(Names.GeneratedCode);
        code.Open("file static class RpcShapeRegistration");
        code.Line(Names.ModuleInitializer);
        code.Open("internal static void Register()");
        foreach (var provider in providers)
        {
            code.Line($"{Names.Rpc}RpcShapes.Register({provider});");
        }

        code.Close();
        code.Close();
        return code.ToString();
    }
}
