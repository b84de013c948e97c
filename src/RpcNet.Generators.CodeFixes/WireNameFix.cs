using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Editing;
using RpcNet.Generators.Contracts;

namespace RpcNet.Generators.CodeFixes;

/// <summary>RPCNET004 and 007: gives the method a wire name of its own, after its first argument.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class WireNameFix : NodeFix<MethodDeclarationSyntax>
{
    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds => ["RPCNET004", "RPCNET007"];

    /// <summary>None: merged fixes could choose one name twice.</summary>
    public override FixAllProvider? GetFixAllProvider() => null;

    private protected override Change? Find(Place place, MethodDeclarationSyntax node)
    {
        if (place.Model.GetDeclaredSymbol(node, place.CancellationToken) is not { } symbol)
        {
            return null;
        }

        var name = Name(symbol);
        return new($"Name it \"{name}\" on the wire", token => NameAsync(place.Document, node, name, token));
    }

    private static async Task<Document> NameAsync(
        Document document, MethodDeclarationSyntax method, string name, CancellationToken cancellationToken)
    {
        var editor = await DocumentEditor.CreateAsync(document, cancellationToken).ConfigureAwait(false);
        var argument = SyntaxFactory.AttributeArgument(
            SyntaxFactory.LiteralExpression(SyntaxKind.StringLiteralExpression, SyntaxFactory.Literal(name)))
            .WithNameEquals(SyntaxFactory.NameEquals("Name"))
            .NormalizeWhitespace();
        var existing = method.AttributeLists.SelectMany(l => l.Attributes)
            .FirstOrDefault(a => a.Name.ToString().EndsWith("RpcMethod", StringComparison.Ordinal));
        if (existing is null)
        {
            var list = Attributes.Of("global::RpcNet.RpcMethod");
            editor.AddAttribute(method, list.ReplaceNode(
                list.Attributes[0], list.Attributes[0].AddArgumentListArguments(argument)));
        }
        else
        {
            var others = existing.ArgumentList?.Arguments.Where(a => a.NameEquals?.Name.Identifier.Text != "Name") ?? [];
            editor.ReplaceNode(existing, existing.WithArgumentList(
                SyntaxFactory.AttributeArgumentList(SyntaxFactory.SeparatedList(others.Prepend(argument)))
                    .NormalizeWhitespace()));
        }

        return editor.GetChangedDocument();
    }

    private static string Name(IMethodSymbol method)
    {
        var taken = new HashSet<string>(
            method.ContainingType.AllInterfaces.Prepend(method.ContainingType)
                .SelectMany(i => i.GetMembers().OfType<IMethodSymbol>())
                .Select(ContractParser.WireName),
            StringComparer.Ordinal);
        var argument = method.Parameters.FirstOrDefault(p => !Symbols.IsCancellationToken(p.Type))?.Name;
        var start = ContractParser.WireName(method)
            + (argument is null ? "" : $"By{char.ToUpperInvariant(argument[0])}{argument.Substring(1)}");
        var name = start;
        for (var i = 2; taken.Contains(name); i++)
        {
            name = start + i;
        }

        return name;
    }
}
